<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|AttributeTable|Rendering" labelsEnabled="1">
  <temporal enabled="1" mode="1" startField="ground_by" endField="" startExpression="" endExpression="" durationField="" durationUnit="min" fixedDuration="0" accumulate="1" limitMode="0">
    <fixedRange>
      <start />
      <end />
    </fixedRange>
  </temporal>
  <renderer-v2 type="categorizedSymbol" attr="status">
    <categories>
      <category value="candidate" type="string" symbol="0" label="Candidate: few clear looks" render="true" />
      <category value="confirmed" type="string" symbol="1" label="Confirmed by several looks" render="true" />
      <category value="idle" type="string" symbol="2" label="Idle: its ponds are gone" render="true" />
      <category value="ended" type="string" symbol="3" label="Ended" render="true" />
      <category value="rejected" type="string" symbol="4" label="Rejected by a reviewer" render="true" />
    </categories>
    <symbols>
      <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="230,159,0,22" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="230,159,0,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.6" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="230,159,0,22" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="230,159,0,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.6" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
        <layer class="CentroidFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="point_on_surface" value="1" />
            <Option type="QString" name="point_on_all_parts" value="0" />
          </Option>
          <prop k="point_on_surface" v="1" />
          <prop k="point_on_all_parts" v="0" />
          <symbol type="marker" name="@0@1" alpha="1" clip_to_extent="1" force_rhr="0">
            <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
              <Option type="Map">
                <Option type="QString" name="name" value="circle" />
                <Option type="QString" name="color" value="230,159,0,255" />
                <Option type="QString" name="outline_color" value="255,255,255,255" />
                <Option type="QString" name="outline_style" value="solid" />
                <Option type="QString" name="outline_width" value="0.3" />
                <Option type="QString" name="size" value="2.6" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="230,159,0,255" />
              <prop k="outline_color" v="255,255,255,255" />
              <prop k="outline_style" v="solid" />
              <prop k="outline_width" v="0.3" />
              <prop k="size" v="2.6" />
              <prop k="size_unit" v="MM" />
              <data_defined_properties>
                <Option type="Map">
                  <Option type="QString" name="name" value="" />
                  <Option type="Map" name="properties">
                    <Option type="Map" name="name">
                      <Option type="bool" name="active" value="true" />
                      <Option type="QString" name="expression" value="if(&quot;added&quot;, 'square', 'circle')" />
                      <Option type="int" name="type" value="3" />
                    </Option>
                    <Option type="Map" name="enabled">
                      <Option type="bool" name="active" value="true" />
                      <Option type="QString" name="expression" value="coalesce(@map_scale, 1000000) &gt; 30000" />
                      <Option type="int" name="type" value="3" />
                    </Option>
                  </Option>
                  <Option type="QString" name="type" value="collection" />
                </Option>
              </data_defined_properties>
            </layer>
          </symbol>
        </layer>
      </symbol>
      <symbol type="fill" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="213,94,0,22" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="213,94,0,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.6" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="213,94,0,22" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="213,94,0,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.6" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
        <layer class="CentroidFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="point_on_surface" value="1" />
            <Option type="QString" name="point_on_all_parts" value="0" />
          </Option>
          <prop k="point_on_surface" v="1" />
          <prop k="point_on_all_parts" v="0" />
          <symbol type="marker" name="@1@1" alpha="1" clip_to_extent="1" force_rhr="0">
            <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
              <Option type="Map">
                <Option type="QString" name="name" value="circle" />
                <Option type="QString" name="color" value="213,94,0,255" />
                <Option type="QString" name="outline_color" value="255,255,255,255" />
                <Option type="QString" name="outline_style" value="solid" />
                <Option type="QString" name="outline_width" value="0.3" />
                <Option type="QString" name="size" value="2.6" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="213,94,0,255" />
              <prop k="outline_color" v="255,255,255,255" />
              <prop k="outline_style" v="solid" />
              <prop k="outline_width" v="0.3" />
              <prop k="size" v="2.6" />
              <prop k="size_unit" v="MM" />
              <data_defined_properties>
                <Option type="Map">
                  <Option type="QString" name="name" value="" />
                  <Option type="Map" name="properties">
                    <Option type="Map" name="name">
                      <Option type="bool" name="active" value="true" />
                      <Option type="QString" name="expression" value="if(&quot;added&quot;, 'square', 'circle')" />
                      <Option type="int" name="type" value="3" />
                    </Option>
                    <Option type="Map" name="enabled">
                      <Option type="bool" name="active" value="true" />
                      <Option type="QString" name="expression" value="coalesce(@map_scale, 1000000) &gt; 30000" />
                      <Option type="int" name="type" value="3" />
                    </Option>
                  </Option>
                  <Option type="QString" name="type" value="collection" />
                </Option>
              </data_defined_properties>
            </layer>
          </symbol>
        </layer>
      </symbol>
      <symbol type="fill" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="0,114,178,22" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="0,114,178,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.6" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="0,114,178,22" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="0,114,178,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.6" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
        <layer class="CentroidFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="point_on_surface" value="1" />
            <Option type="QString" name="point_on_all_parts" value="0" />
          </Option>
          <prop k="point_on_surface" v="1" />
          <prop k="point_on_all_parts" v="0" />
          <symbol type="marker" name="@2@1" alpha="1" clip_to_extent="1" force_rhr="0">
            <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
              <Option type="Map">
                <Option type="QString" name="name" value="circle" />
                <Option type="QString" name="color" value="0,114,178,255" />
                <Option type="QString" name="outline_color" value="255,255,255,255" />
                <Option type="QString" name="outline_style" value="solid" />
                <Option type="QString" name="outline_width" value="0.3" />
                <Option type="QString" name="size" value="2.6" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="0,114,178,255" />
              <prop k="outline_color" v="255,255,255,255" />
              <prop k="outline_style" v="solid" />
              <prop k="outline_width" v="0.3" />
              <prop k="size" v="2.6" />
              <prop k="size_unit" v="MM" />
              <data_defined_properties>
                <Option type="Map">
                  <Option type="QString" name="name" value="" />
                  <Option type="Map" name="properties">
                    <Option type="Map" name="name">
                      <Option type="bool" name="active" value="true" />
                      <Option type="QString" name="expression" value="if(&quot;added&quot;, 'square', 'circle')" />
                      <Option type="int" name="type" value="3" />
                    </Option>
                    <Option type="Map" name="enabled">
                      <Option type="bool" name="active" value="true" />
                      <Option type="QString" name="expression" value="coalesce(@map_scale, 1000000) &gt; 30000" />
                      <Option type="int" name="type" value="3" />
                    </Option>
                  </Option>
                  <Option type="QString" name="type" value="collection" />
                </Option>
              </data_defined_properties>
            </layer>
          </symbol>
        </layer>
      </symbol>
      <symbol type="fill" name="3" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="86,180,233,22" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="86,180,233,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.6" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="86,180,233,22" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="86,180,233,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.6" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
        <layer class="CentroidFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="point_on_surface" value="1" />
            <Option type="QString" name="point_on_all_parts" value="0" />
          </Option>
          <prop k="point_on_surface" v="1" />
          <prop k="point_on_all_parts" v="0" />
          <symbol type="marker" name="@3@1" alpha="1" clip_to_extent="1" force_rhr="0">
            <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
              <Option type="Map">
                <Option type="QString" name="name" value="circle" />
                <Option type="QString" name="color" value="86,180,233,255" />
                <Option type="QString" name="outline_color" value="255,255,255,255" />
                <Option type="QString" name="outline_style" value="solid" />
                <Option type="QString" name="outline_width" value="0.3" />
                <Option type="QString" name="size" value="2.6" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="86,180,233,255" />
              <prop k="outline_color" v="255,255,255,255" />
              <prop k="outline_style" v="solid" />
              <prop k="outline_width" v="0.3" />
              <prop k="size" v="2.6" />
              <prop k="size_unit" v="MM" />
              <data_defined_properties>
                <Option type="Map">
                  <Option type="QString" name="name" value="" />
                  <Option type="Map" name="properties">
                    <Option type="Map" name="name">
                      <Option type="bool" name="active" value="true" />
                      <Option type="QString" name="expression" value="if(&quot;added&quot;, 'square', 'circle')" />
                      <Option type="int" name="type" value="3" />
                    </Option>
                    <Option type="Map" name="enabled">
                      <Option type="bool" name="active" value="true" />
                      <Option type="QString" name="expression" value="coalesce(@map_scale, 1000000) &gt; 30000" />
                      <Option type="int" name="type" value="3" />
                    </Option>
                  </Option>
                  <Option type="QString" name="type" value="collection" />
                </Option>
              </data_defined_properties>
            </layer>
          </symbol>
        </layer>
      </symbol>
      <symbol type="fill" name="4" alpha="0.5" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="140,140,140,0" />
            <Option type="QString" name="style" value="no" />
            <Option type="QString" name="outline_color" value="140,140,140,255" />
            <Option type="QString" name="outline_style" value="dash" />
            <Option type="QString" name="outline_width" value="0.3" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="140,140,140,0" />
          <prop k="style" v="no" />
          <prop k="outline_color" v="140,140,140,255" />
          <prop k="outline_style" v="dash" />
          <prop k="outline_width" v="0.3" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
        <layer class="CentroidFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="point_on_surface" value="1" />
            <Option type="QString" name="point_on_all_parts" value="0" />
          </Option>
          <prop k="point_on_surface" v="1" />
          <prop k="point_on_all_parts" v="0" />
          <symbol type="marker" name="@4@1" alpha="1" clip_to_extent="1" force_rhr="0">
            <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
              <Option type="Map">
                <Option type="QString" name="name" value="circle" />
                <Option type="QString" name="color" value="140,140,140,255" />
                <Option type="QString" name="outline_color" value="255,255,255,255" />
                <Option type="QString" name="outline_style" value="solid" />
                <Option type="QString" name="outline_width" value="0.3" />
                <Option type="QString" name="size" value="1.6" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="140,140,140,255" />
              <prop k="outline_color" v="255,255,255,255" />
              <prop k="outline_style" v="solid" />
              <prop k="outline_width" v="0.3" />
              <prop k="size" v="1.6" />
              <prop k="size_unit" v="MM" />
              <data_defined_properties>
                <Option type="Map">
                  <Option type="QString" name="name" value="" />
                  <Option type="Map" name="properties">
                    <Option type="Map" name="name">
                      <Option type="bool" name="active" value="true" />
                      <Option type="QString" name="expression" value="if(&quot;added&quot;, 'square', 'circle')" />
                      <Option type="int" name="type" value="3" />
                    </Option>
                    <Option type="Map" name="enabled">
                      <Option type="bool" name="active" value="true" />
                      <Option type="QString" name="expression" value="coalesce(@map_scale, 1000000) &gt; 30000" />
                      <Option type="int" name="type" value="3" />
                    </Option>
                  </Option>
                  <Option type="QString" name="type" value="collection" />
                </Option>
              </data_defined_properties>
            </layer>
          </symbol>
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
  <labeling type="simple">
    <settings calloutType="simple">
      <text-style fieldName="with_variable('s', if(&quot;stale_since&quot; is null, '', '\n(as of ' || format_date(&quot;stale_since&quot;, 'yyyy-MM-dd') || ')') || if(&quot;added&quot;, '\n(added by a person)', ''), &quot;site_id&quot; || if(@map_scale &gt; 150000, '', @s))" isExpression="1" fontFamily="Sans Serif" fontWeight="63" textOpacity="1" fontSize="9" fontSizeUnit="Point" textColor="20,20,20,255">
        <text-buffer bufferDraw="1" bufferSize="0.7" bufferSizeUnits="MM" bufferColor="255,255,255,255" bufferOpacity="0.85" />
      </text-style>
      <placement placement="6" dist="2.8" distUnits="MM" priority="9" predefinedPositionOrder="TSR,TSL,R,L,TR,TL,BSR,BSL,BR,BL" offsetType="0" geometryGenerator="make_point((x_min($geometry) + x_max($geometry)) / 2, y_max($geometry))" geometryGeneratorEnabled="1" geometryGeneratorType="PointGeometry" />
      <rendering scaleVisibility="0" drawLabels="1" obstacle="1" displayAll="0" />
      <dd_properties>
        <Option type="Map">
          <Option type="QString" name="name" value="" />
          <Option type="Map" name="properties">
            <Option type="Map" name="IsObstacle">
              <Option type="bool" name="active" value="true" />
              <Option type="QString" name="expression" value="coalesce(@map_scale, 1000000) &gt; 50000" />
              <Option type="int" name="type" value="3" />
            </Option>
            <Option type="Map" name="Color">
              <Option type="bool" name="active" value="true" />
              <Option type="QString" name="expression" value="if(&quot;status&quot; = 'rejected', '#8c8c8c', '#141414')" />
              <Option type="int" name="type" value="3" />
            </Option>
          </Option>
          <Option type="QString" name="type" value="collection" />
        </Option>
      </dd_properties>
    </settings>
  </labeling>
  <expressionfields>
    <field type="6" subType="0" name="pond_ha" typeName="double" length="-1" precision="-1" comment="" expression="round(&quot;pond_area_m2&quot; / 10000, 2)" />
    <field type="6" subType="0" name="ground_ha" typeName="double" length="-1" precision="-1" comment="" expression="round(&quot;ground_area_m2&quot; / 10000, 1)" />
    <field type="10" subType="0" name="picture" typeName="string" length="-1" precision="-1" comment="" expression="if(file_exists(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || &quot;site_id&quot; || '.jpg'), file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || &quot;site_id&quot; || '.jpg', null)" />
  </expressionfields>
  <fieldConfiguration>
    <field name="site_id" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="status" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="confidence" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="ground_after" configurationFlags="None">
      <editWidget type="DateTime">
        <config>
          <Option type="Map">
            <Option type="QString" name="display_format" value="yyyy-MM-dd" />
            <Option type="QString" name="field_format" value="yyyy-MM-dd" />
            <Option type="bool" name="allow_null" value="true" />
            <Option type="bool" name="calendar_popup" value="true" />
            <Option type="bool" name="field_iso_format" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="ground_by" configurationFlags="None">
      <editWidget type="DateTime">
        <config>
          <Option type="Map">
            <Option type="QString" name="display_format" value="yyyy-MM-dd" />
            <Option type="QString" name="field_format" value="yyyy-MM-dd" />
            <Option type="bool" name="allow_null" value="true" />
            <Option type="bool" name="calendar_popup" value="true" />
            <Option type="bool" name="field_iso_format" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="ponds_after" configurationFlags="None">
      <editWidget type="DateTime">
        <config>
          <Option type="Map">
            <Option type="QString" name="display_format" value="yyyy-MM-dd" />
            <Option type="QString" name="field_format" value="yyyy-MM-dd" />
            <Option type="bool" name="allow_null" value="true" />
            <Option type="bool" name="calendar_popup" value="true" />
            <Option type="bool" name="field_iso_format" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="ponds_by" configurationFlags="None">
      <editWidget type="DateTime">
        <config>
          <Option type="Map">
            <Option type="QString" name="display_format" value="yyyy-MM-dd" />
            <Option type="QString" name="field_format" value="yyyy-MM-dd" />
            <Option type="bool" name="allow_null" value="true" />
            <Option type="bool" name="calendar_popup" value="true" />
            <Option type="bool" name="field_iso_format" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="last_seen" configurationFlags="None">
      <editWidget type="DateTime">
        <config>
          <Option type="Map">
            <Option type="QString" name="display_format" value="yyyy-MM-dd" />
            <Option type="QString" name="field_format" value="yyyy-MM-dd" />
            <Option type="bool" name="allow_null" value="true" />
            <Option type="bool" name="calendar_popup" value="true" />
            <Option type="bool" name="field_iso_format" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="last_clear" configurationFlags="None">
      <editWidget type="DateTime">
        <config>
          <Option type="Map">
            <Option type="QString" name="display_format" value="yyyy-MM-dd" />
            <Option type="QString" name="field_format" value="yyyy-MM-dd" />
            <Option type="bool" name="allow_null" value="true" />
            <Option type="bool" name="calendar_popup" value="true" />
            <Option type="bool" name="field_iso_format" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="clear_looks" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="pond_area_m2" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="pond_area_low_m2" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="pond_area_high_m2" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="ground_area_m2" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="verdict" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="reviewed_on" configurationFlags="None">
      <editWidget type="DateTime">
        <config>
          <Option type="Map">
            <Option type="QString" name="display_format" value="yyyy-MM-dd" />
            <Option type="QString" name="field_format" value="yyyy-MM-dd" />
            <Option type="bool" name="allow_null" value="true" />
            <Option type="bool" name="calendar_popup" value="true" />
            <Option type="bool" name="field_iso_format" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="verdict_reason" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="added" configurationFlags="None">
      <editWidget type="CheckBox">
        <config>
          <Option type="Map">
            <Option type="QString" name="CheckedState" value="" />
            <Option type="QString" name="UncheckedState" value="" />
            <Option type="int" name="TextDisplayMethod" value="0" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="stale_since" configurationFlags="None">
      <editWidget type="DateTime">
        <config>
          <Option type="Map">
            <Option type="QString" name="display_format" value="yyyy-MM-dd" />
            <Option type="QString" name="field_format" value="yyyy-MM-dd" />
            <Option type="bool" name="allow_null" value="true" />
            <Option type="bool" name="calendar_popup" value="true" />
            <Option type="bool" name="field_iso_format" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="simulated" configurationFlags="None">
      <editWidget type="CheckBox">
        <config>
          <Option type="Map">
            <Option type="QString" name="CheckedState" value="" />
            <Option type="QString" name="UncheckedState" value="" />
            <Option type="int" name="TextDisplayMethod" value="0" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="source" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="model" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="run_id" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="parent" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="earlier_dates" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="pond_ha" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="ground_ha" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="picture" configurationFlags="None">
      <editWidget type="ExternalResource">
        <config>
          <Option type="Map">
            <Option type="int" name="DocumentViewer" value="1" />
            <Option type="int" name="DocumentViewerHeight" value="0" />
            <Option type="int" name="DocumentViewerWidth" value="480" />
            <Option type="bool" name="FileWidget" value="false" />
            <Option type="bool" name="FileWidgetButton" value="false" />
            <Option type="QString" name="FileWidgetFilter" value="" />
            <Option type="int" name="RelativeStorage" value="0" />
            <Option type="int" name="StorageMode" value="0" />
          </Option>
        </config>
      </editWidget>
    </field>
  </fieldConfiguration>
  <aliases>
    <alias field="site_id" name="Site" />
    <alias field="status" name="Status" />
    <alias field="confidence" name="Confidence" />
    <alias field="ground_after" name="Cleared ground: after" />
    <alias field="ground_by" name="Cleared ground: by" />
    <alias field="ponds_after" name="Ponds: after" />
    <alias field="ponds_by" name="Ponds: by" />
    <alias field="last_seen" name="Last seen active" />
    <alias field="last_clear" name="Last clear look" />
    <alias field="clear_looks" name="Clear looks" />
    <alias field="pond_area_m2" name="Pond area (m²)" />
    <alias field="pond_area_low_m2" name="Pond area, low (m²)" />
    <alias field="pond_area_high_m2" name="Pond area, high (m²)" />
    <alias field="ground_area_m2" name="Mine ground (m²)" />
    <alias field="verdict" name="Reviewer's verdict" />
    <alias field="reviewed_on" name="Reviewed on" />
    <alias field="verdict_reason" name="If not, what it is" />
    <alias field="added" name="Added by a person" />
    <alias field="stale_since" name="As last published; not looked at by the present model since" />
    <alias field="simulated" name="SIMULATED" />
    <alias field="source" name="Source" />
    <alias field="model" name="Model" />
    <alias field="run_id" name="Run" />
    <alias field="parent" name="Split from" />
    <alias field="earlier_dates" name="Dates published earlier" />
    <alias field="pond_ha" name="Ponds (ha)" />
    <alias field="ground_ha" name="Mine ground (ha)" />
    <alias field="picture" name="Before, first and latest look" />
  </aliases>
  <editable>
    <field name="site_id" editable="0" />
    <field name="status" editable="0" />
    <field name="confidence" editable="0" />
    <field name="ground_after" editable="0" />
    <field name="ground_by" editable="0" />
    <field name="ponds_after" editable="0" />
    <field name="ponds_by" editable="0" />
    <field name="last_seen" editable="0" />
    <field name="last_clear" editable="0" />
    <field name="clear_looks" editable="0" />
    <field name="pond_area_m2" editable="0" />
    <field name="pond_area_low_m2" editable="0" />
    <field name="pond_area_high_m2" editable="0" />
    <field name="ground_area_m2" editable="0" />
    <field name="verdict" editable="0" />
    <field name="reviewed_on" editable="0" />
    <field name="verdict_reason" editable="0" />
    <field name="added" editable="0" />
    <field name="stale_since" editable="0" />
    <field name="simulated" editable="0" />
    <field name="source" editable="0" />
    <field name="model" editable="0" />
    <field name="run_id" editable="0" />
    <field name="parent" editable="0" />
    <field name="earlier_dates" editable="0" />
    <field name="pond_ha" editable="0" />
    <field name="ground_ha" editable="0" />
    <field name="picture" editable="0" />
  </editable>
  <attributetableconfig actionWidgetStyle="dropDown" sortExpression="" sortOrder="0">
    <columns>
      <column type="field" name="site_id" hidden="0" width="-1" />
      <column type="field" name="status" hidden="0" width="-1" />
      <column type="field" name="confidence" hidden="0" width="-1" />
      <column type="field" name="ponds_after" hidden="0" width="-1" />
      <column type="field" name="ponds_by" hidden="0" width="-1" />
      <column type="field" name="pond_ha" hidden="0" width="-1" />
      <column type="field" name="ground_ha" hidden="0" width="-1" />
      <column type="field" name="last_seen" hidden="0" width="-1" />
      <column type="field" name="last_clear" hidden="0" width="-1" />
      <column type="field" name="clear_looks" hidden="0" width="-1" />
      <column type="field" name="verdict" hidden="0" width="-1" />
      <column type="field" name="verdict_reason" hidden="0" width="-1" />
      <column type="field" name="reviewed_on" hidden="0" width="-1" />
      <column type="field" name="added" hidden="0" width="-1" />
      <column type="field" name="simulated" hidden="0" width="-1" />
      <column type="field" name="ground_after" hidden="1" width="-1" />
      <column type="field" name="ground_by" hidden="1" width="-1" />
      <column type="field" name="pond_area_m2" hidden="1" width="-1" />
      <column type="field" name="pond_area_low_m2" hidden="1" width="-1" />
      <column type="field" name="pond_area_high_m2" hidden="1" width="-1" />
      <column type="field" name="ground_area_m2" hidden="1" width="-1" />
      <column type="field" name="stale_since" hidden="1" width="-1" />
      <column type="field" name="source" hidden="1" width="-1" />
      <column type="field" name="model" hidden="1" width="-1" />
      <column type="field" name="run_id" hidden="1" width="-1" />
      <column type="field" name="parent" hidden="1" width="-1" />
      <column type="field" name="earlier_dates" hidden="1" width="-1" />
      <column type="field" name="picture" hidden="1" width="-1" />
      <column type="actions" hidden="1" width="-1" />
    </columns>
  </attributetableconfig>
  <editorlayout>tablayout</editorlayout>
  <attributeEditorForm>
    <attributeEditorContainer name="Site" showLabel="1" groupBox="0" columnCount="1" visibilityExpressionEnabled="0" visibilityExpression="">
      <attributeEditorField name="site_id" index="-1" showLabel="1" />
      <attributeEditorField name="status" index="-1" showLabel="1" />
      <attributeEditorField name="confidence" index="-1" showLabel="1" />
      <attributeEditorField name="clear_looks" index="-1" showLabel="1" />
      <attributeEditorField name="pond_ha" index="-1" showLabel="1" />
      <attributeEditorField name="ground_ha" index="-1" showLabel="1" />
      <attributeEditorField name="picture" index="-1" showLabel="0" />
    </attributeEditorContainer>
    <attributeEditorContainer name="When" showLabel="1" groupBox="0" columnCount="1" visibilityExpressionEnabled="0" visibilityExpression="">
      <attributeEditorField name="ground_after" index="-1" showLabel="1" />
      <attributeEditorField name="ground_by" index="-1" showLabel="1" />
      <attributeEditorField name="ponds_after" index="-1" showLabel="1" />
      <attributeEditorField name="ponds_by" index="-1" showLabel="1" />
      <attributeEditorField name="last_seen" index="-1" showLabel="1" />
      <attributeEditorField name="last_clear" index="-1" showLabel="1" />
      <attributeEditorField name="stale_since" index="-1" showLabel="1" />
      <attributeEditorField name="earlier_dates" index="-1" showLabel="1" />
    </attributeEditorContainer>
    <attributeEditorContainer name="Review" showLabel="1" groupBox="0" columnCount="1" visibilityExpressionEnabled="0" visibilityExpression="">
      <attributeEditorField name="verdict" index="-1" showLabel="1" />
      <attributeEditorField name="verdict_reason" index="-1" showLabel="1" />
      <attributeEditorField name="reviewed_on" index="-1" showLabel="1" />
      <attributeEditorField name="added" index="-1" showLabel="1" />
    </attributeEditorContainer>
    <attributeEditorContainer name="Where this comes from" showLabel="1" groupBox="0" columnCount="1" visibilityExpressionEnabled="0" visibilityExpression="">
      <attributeEditorField name="simulated" index="-1" showLabel="1" />
      <attributeEditorField name="source" index="-1" showLabel="1" />
      <attributeEditorField name="model" index="-1" showLabel="1" />
      <attributeEditorField name="run_id" index="-1" showLabel="1" />
      <attributeEditorField name="parent" index="-1" showLabel="1" />
    </attributeEditorContainer>
  </attributeEditorForm>
  <previewExpression>"site_id"</previewExpression>
  <mapTip>&lt;b&gt;[% "site_id" %]&lt;/b&gt; suspected leach-pond site&lt;br&gt;[% "status" %], [% if("confidence" is null, 'added by a person', 'confidence ' || format_number("confidence", 2)) %], [% "clear_looks" %] clear looks[% if("verdict" is null, '', '&lt;br&gt;a reviewer says: ' || replace(replace(replace("verdict", '&amp;', '&amp;amp;'), '&lt;', '&amp;lt;'), '&gt;', '&amp;gt;') || coalesce(' (' || replace(replace(replace("verdict_reason", '&amp;', '&amp;amp;'), '&lt;', '&amp;lt;'), '&gt;', '&amp;gt;') || ')', '')) %]&lt;br&gt;ponds [% if("ponds_by" is null, 'not seen yet', if("ponds_after" is null, 'already there at the first clear look, ', 'after ' || format_date("ponds_after", 'yyyy-MM-dd') || ', by ') || format_date("ponds_by", 'yyyy-MM-dd')) %]&lt;br&gt;ponds [% format_number("pond_area_m2" / 10000, 2) || ' ha (' || format_number("pond_area_low_m2" / 10000, 2) || ' to ' || format_number("pond_area_high_m2" / 10000, 2) || ')' %], mine ground [% format_number("ground_area_m2" / 10000, 1) %] ha[% if("simulated", '&lt;br&gt;&lt;b&gt;SIMULATED&lt;/b&gt;', '') %][% if(file_exists(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || "site_id" || '.jpg'), '&lt;br&gt;&lt;img width=320 src="' || 'file://' || if(left(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || "site_id" || '.jpg', 1) = '/', '', '/') || replace(replace(replace(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || "site_id" || '.jpg', '%', '%25'), '#', '%23'), ' ', '%20') || '"&gt;', '&lt;br&gt;&lt;i&gt;No pictures yet: they lie in the folder pictures beside this file.&lt;/i&gt;') %][% if(file_exists(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || "site_id" || '.svg'), '&lt;br&gt;&lt;img width=320 src="' || 'file://' || if(left(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || "site_id" || '.svg', 1) = '/', '', '/') || replace(replace(replace(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || "site_id" || '.svg', '%', '%25'), '#', '%23'), ' ', '%20') || '"&gt;', '') %]</mapTip>
  <layerGeometryType>2</layerGeometryType>
</qgis>
