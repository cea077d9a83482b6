<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|AttributeTable|Rendering" labelsEnabled="1">
  <temporal enabled="0" mode="1" startField="" endField="" startExpression="" endExpression="" durationField="" durationUnit="min" fixedDuration="0" accumulate="0" limitMode="0">
    <fixedRange>
      <start />
      <end />
    </fixedRange>
  </temporal>
  <renderer-v2 type="categorizedSymbol" attr="verdict">
    <categories>
      <category value="confirmed" type="string" symbol="0" label="Confirmed: a leach-pond site" render="true" />
      <category value="rejected" type="string" symbol="1" label="Rejected: something else" render="true" />
      <category value="unsure" type="string" symbol="2" label="Unsure" render="true" />
      <category value="" type="string" symbol="3" label="Not judged yet" render="true" />
    </categories>
    <symbols>
      <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleLine" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="line_color" value="0,140,100,255" />
            <Option type="QString" name="line_style" value="solid" />
            <Option type="QString" name="line_width" value="0.5" />
            <Option type="QString" name="line_width_unit" value="MM" />
            <Option type="QString" name="offset" value="-0.8" />
            <Option type="QString" name="offset_unit" value="MM" />
            <Option type="QString" name="joinstyle" value="round" />
          </Option>
          <prop k="line_color" v="0,140,100,255" />
          <prop k="line_style" v="solid" />
          <prop k="line_width" v="0.5" />
          <prop k="line_width_unit" v="MM" />
          <prop k="offset" v="-0.8" />
          <prop k="offset_unit" v="MM" />
          <prop k="joinstyle" v="round" />
          <data_defined_properties>
            <Option type="Map">
              <Option type="QString" name="name" value="" />
              <Option type="Map" name="properties">
                <Option type="Map" name="enabled">
                  <Option type="bool" name="active" value="true" />
                  <Option type="QString" name="expression" value="coalesce(@map_scale, 1000000) &lt;= 60000" />
                  <Option type="int" name="type" value="3" />
                </Option>
              </Option>
              <Option type="QString" name="type" value="collection" />
            </Option>
          </data_defined_properties>
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
                <Option type="QString" name="color" value="0,140,100,0" />
                <Option type="QString" name="outline_color" value="0,140,100,255" />
                <Option type="QString" name="outline_style" value="solid" />
                <Option type="QString" name="outline_width" value="0.7" />
                <Option type="QString" name="size" value="4.6" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="0,140,100,0" />
              <prop k="outline_color" v="0,140,100,255" />
              <prop k="outline_style" v="solid" />
              <prop k="outline_width" v="0.7" />
              <prop k="size" v="4.6" />
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
        <layer class="SimpleLine" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="line_color" value="60,60,60,255" />
            <Option type="QString" name="line_style" value="dash" />
            <Option type="QString" name="line_width" value="0.5" />
            <Option type="QString" name="line_width_unit" value="MM" />
            <Option type="QString" name="offset" value="-0.8" />
            <Option type="QString" name="offset_unit" value="MM" />
            <Option type="QString" name="joinstyle" value="round" />
          </Option>
          <prop k="line_color" v="60,60,60,255" />
          <prop k="line_style" v="dash" />
          <prop k="line_width" v="0.5" />
          <prop k="line_width_unit" v="MM" />
          <prop k="offset" v="-0.8" />
          <prop k="offset_unit" v="MM" />
          <prop k="joinstyle" v="round" />
          <data_defined_properties>
            <Option type="Map">
              <Option type="QString" name="name" value="" />
              <Option type="Map" name="properties">
                <Option type="Map" name="enabled">
                  <Option type="bool" name="active" value="true" />
                  <Option type="QString" name="expression" value="coalesce(@map_scale, 1000000) &lt;= 60000" />
                  <Option type="int" name="type" value="3" />
                </Option>
              </Option>
              <Option type="QString" name="type" value="collection" />
            </Option>
          </data_defined_properties>
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
                <Option type="QString" name="color" value="60,60,60,0" />
                <Option type="QString" name="outline_color" value="60,60,60,255" />
                <Option type="QString" name="outline_style" value="solid" />
                <Option type="QString" name="outline_width" value="0.4" />
                <Option type="QString" name="size" value="4.2" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="60,60,60,0" />
              <prop k="outline_color" v="60,60,60,255" />
              <prop k="outline_style" v="solid" />
              <prop k="outline_width" v="0.4" />
              <prop k="size" v="4.2" />
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
            <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
              <Option type="Map">
                <Option type="QString" name="name" value="cross2" />
                <Option type="QString" name="color" value="60,60,60,255" />
                <Option type="QString" name="outline_color" value="60,60,60,255" />
                <Option type="QString" name="outline_style" value="solid" />
                <Option type="QString" name="outline_width" value="0.7" />
                <Option type="QString" name="size" value="3.4" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="cross2" />
              <prop k="color" v="60,60,60,255" />
              <prop k="outline_color" v="60,60,60,255" />
              <prop k="outline_style" v="solid" />
              <prop k="outline_width" v="0.7" />
              <prop k="size" v="3.4" />
              <prop k="size_unit" v="MM" />
              <data_defined_properties>
                <Option type="Map">
                  <Option type="QString" name="name" value="" />
                  <Option type="Map" name="properties">
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
        <layer class="SimpleLine" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="line_color" value="204,121,167,255" />
            <Option type="QString" name="line_style" value="solid" />
            <Option type="QString" name="line_width" value="0.5" />
            <Option type="QString" name="line_width_unit" value="MM" />
            <Option type="QString" name="offset" value="-0.8" />
            <Option type="QString" name="offset_unit" value="MM" />
            <Option type="QString" name="joinstyle" value="round" />
          </Option>
          <prop k="line_color" v="204,121,167,255" />
          <prop k="line_style" v="solid" />
          <prop k="line_width" v="0.5" />
          <prop k="line_width_unit" v="MM" />
          <prop k="offset" v="-0.8" />
          <prop k="offset_unit" v="MM" />
          <prop k="joinstyle" v="round" />
          <data_defined_properties>
            <Option type="Map">
              <Option type="QString" name="name" value="" />
              <Option type="Map" name="properties">
                <Option type="Map" name="enabled">
                  <Option type="bool" name="active" value="true" />
                  <Option type="QString" name="expression" value="coalesce(@map_scale, 1000000) &lt;= 60000" />
                  <Option type="int" name="type" value="3" />
                </Option>
              </Option>
              <Option type="QString" name="type" value="collection" />
            </Option>
          </data_defined_properties>
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
                <Option type="QString" name="color" value="204,121,167,0" />
                <Option type="QString" name="outline_color" value="204,121,167,255" />
                <Option type="QString" name="outline_style" value="solid" />
                <Option type="QString" name="outline_width" value="0.7" />
                <Option type="QString" name="size" value="4.6" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="204,121,167,0" />
              <prop k="outline_color" v="204,121,167,255" />
              <prop k="outline_style" v="solid" />
              <prop k="outline_width" v="0.7" />
              <prop k="size" v="4.6" />
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
        <layer class="SimpleLine" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="line_color" value="90,90,90,255" />
            <Option type="QString" name="line_style" value="dot" />
            <Option type="QString" name="line_width" value="0.3" />
            <Option type="QString" name="line_width_unit" value="MM" />
            <Option type="QString" name="offset" value="-0.8" />
            <Option type="QString" name="offset_unit" value="MM" />
            <Option type="QString" name="joinstyle" value="round" />
          </Option>
          <prop k="line_color" v="90,90,90,255" />
          <prop k="line_style" v="dot" />
          <prop k="line_width" v="0.3" />
          <prop k="line_width_unit" v="MM" />
          <prop k="offset" v="-0.8" />
          <prop k="offset_unit" v="MM" />
          <prop k="joinstyle" v="round" />
          <data_defined_properties>
            <Option type="Map">
              <Option type="QString" name="name" value="" />
              <Option type="Map" name="properties">
                <Option type="Map" name="enabled">
                  <Option type="bool" name="active" value="true" />
                  <Option type="QString" name="expression" value="coalesce(@map_scale, 1000000) &lt;= 60000" />
                  <Option type="int" name="type" value="3" />
                </Option>
              </Option>
              <Option type="QString" name="type" value="collection" />
            </Option>
          </data_defined_properties>
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
                <Option type="QString" name="color" value="90,90,90,0" />
                <Option type="QString" name="outline_color" value="90,90,90,255" />
                <Option type="QString" name="outline_style" value="dot" />
                <Option type="QString" name="outline_width" value="0.3" />
                <Option type="QString" name="size" value="4.6" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="90,90,90,0" />
              <prop k="outline_color" v="90,90,90,255" />
              <prop k="outline_style" v="dot" />
              <prop k="outline_width" v="0.3" />
              <prop k="size" v="4.6" />
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
      <text-style fieldName="if(&quot;site_id&quot; is null, 'Drawn by hand', null)" isExpression="1" fontFamily="Sans Serif" fontWeight="50" textOpacity="1" fontSize="9" fontSizeUnit="Point" textColor="60,60,60,255">
        <text-buffer bufferDraw="1" bufferSize="0.7" bufferSizeUnits="MM" bufferColor="255,255,255,255" bufferOpacity="0.85" />
      </text-style>
      <placement placement="6" dist="2.8" distUnits="MM" priority="7" predefinedPositionOrder="TSR,TSL,R,L,TR,TL,BSR,BSL,BR,BL" offsetType="0" geometryGenerator="make_point((x_min($geometry) + x_max($geometry)) / 2, y_max($geometry))" geometryGeneratorEnabled="1" geometryGeneratorType="PointGeometry" />
      <rendering scaleVisibility="0" drawLabels="1" obstacle="0" displayAll="0" />
    </settings>
  </labeling>
  <expressionfields>
    <field type="10" subType="0" name="facts" typeName="string" length="-1" precision="-1" comment="" expression="with_variable('s', get_feature('leachwatch_sites', 'site_id', &quot;site_id&quot;), if(&quot;site_id&quot; is null, 'Drawn by hand: it gets a name when detect or export runs next.', if(@s is null, 'The numbers are in the layer of sites: open the project (.qgz) in this folder.', if(attribute(@s, 'simulated'), '&lt;b&gt;SIMULATED&lt;/b&gt; ', '') || attribute(@s, 'status') || ', ' || if(attribute(@s, 'confidence') is null, 'added by a person', 'confidence ' || format_number(attribute(@s, 'confidence'), 2)) || '&lt;br&gt;' || attribute(@s, 'clear_looks') || ' clear looks, the last ' || coalesce(format_date(attribute(@s, 'last_clear'), 'yyyy-MM-dd'), 'unknown') || '&lt;br&gt;ponds ' || if(attribute(@s, 'ponds_by') is null, 'not seen yet', if(attribute(@s, 'ponds_after') is null, 'already there at the first clear look', 'after ' || format_date(attribute(@s, 'ponds_after'), 'yyyy-MM-dd')) || ', by ' || format_date(attribute(@s, 'ponds_by'), 'yyyy-MM-dd')) || '&lt;br&gt;ponds ' || format_number(attribute(@s, 'pond_area_m2') / 10000, 2) || ' ha (' || format_number(attribute(@s, 'pond_area_low_m2') / 10000, 2) || ' to ' || format_number(attribute(@s, 'pond_area_high_m2') / 10000, 2) || '), mine ground ' || format_number(attribute(@s, 'ground_area_m2') / 10000, 1) || ' ha')) || if(&quot;site_id&quot; is null or file_exists(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || &quot;site_id&quot; || '.jpg'), '', '&lt;br&gt;no pictures yet'))" />
    <field type="10" subType="0" name="picture" typeName="string" length="-1" precision="-1" comment="" expression="if(file_exists(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || &quot;site_id&quot; || '.jpg'), file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || &quot;site_id&quot; || '.jpg', null)" />
  </expressionfields>
  <fieldConfiguration>
    <field name="fid" configurationFlags="None">
      <editWidget type="Hidden">
        <config>
          <Option type="Map" />
        </config>
      </editWidget>
    </field>
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
    <field name="verdict" configurationFlags="None">
      <editWidget type="ValueMap">
        <config>
          <Option type="Map">
            <Option type="List" name="map">
              <Option type="Map">
                <Option type="QString" name="Not judged yet" value="{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Confirmed: a leach-pond site" value="confirmed" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Rejected: something else" value="rejected" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Unsure" value="unsure" />
              </Option>
            </Option>
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="reason" configurationFlags="None">
      <editWidget type="ValueMap">
        <config>
          <Option type="Map">
            <Option type="List" name="map">
              <Option type="Map">
                <Option type="QString" name="(not rejected)" value="{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Fish pond" value="fish pond" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Paddy" value="paddy" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Placer gold" value="placer gold" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Quarry" value="quarry" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Village" value="village" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="River" value="river" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Landslide" value="landslide" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Swidden" value="swidden" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Cloud" value="cloud" />
              </Option>
              <Option type="Map">
                <Option type="QString" name="Other" value="other" />
              </Option>
            </Option>
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="note" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="true" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="reviewer" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="false" />
            <Option type="bool" name="UseHtml" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="reviewed_at" configurationFlags="None">
      <editWidget type="DateTime">
        <config>
          <Option type="Map">
            <Option type="QString" name="display_format" value="yyyy-MM-dd HH:mm:ss" />
            <Option type="QString" name="field_format" value="yyyy-MM-dd HH:mm:ss" />
            <Option type="bool" name="allow_null" value="true" />
            <Option type="bool" name="calendar_popup" value="true" />
            <Option type="bool" name="field_iso_format" value="false" />
          </Option>
        </config>
      </editWidget>
    </field>
    <field name="added" configurationFlags="None">
      <editWidget type="Hidden">
        <config>
          <Option type="Map" />
        </config>
      </editWidget>
    </field>
    <field name="from" configurationFlags="None">
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
    <field name="to" configurationFlags="None">
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
    <field name="facts" configurationFlags="None">
      <editWidget type="TextEdit">
        <config>
          <Option type="Map">
            <Option type="bool" name="IsMultiline" value="true" />
            <Option type="bool" name="UseHtml" value="true" />
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
    <alias field="fid" name="Row" />
    <alias field="site_id" name="Site" />
    <alias field="verdict" name="Verdict" />
    <alias field="reason" name="If rejected: what it is" />
    <alias field="note" name="Note" />
    <alias field="reviewer" name="Reviewer" />
    <alias field="reviewed_at" name="Judged at (UTC)" />
    <alias field="added" name="Added by a person" />
    <alias field="from" name="First day seen" />
    <alias field="to" name="Last day seen" />
    <alias field="facts" name="What the looks say" />
    <alias field="picture" name="Before, first and latest look" />
  </aliases>
  <defaults>
    <default field="added" expression="true" applyOnUpdate="0" />
    <default field="verdict" expression="'confirmed'" applyOnUpdate="0" />
    <default field="reason" expression="if(&quot;verdict&quot; = 'rejected', &quot;reason&quot;, null)" applyOnUpdate="1" />
    <default field="reviewer" expression="with_variable('was', get_feature('leachwatch_reviews_as_stored', 'fid', &quot;fid&quot;), if(&quot;verdict&quot; is null and &quot;note&quot; is null, &quot;reviewer&quot;, if(@was is null or attribute(@was, 'verdict') is &quot;verdict&quot; or attribute(@was, 'reviewer') is not &quot;reviewer&quot;, coalesce(&quot;reviewer&quot;, coalesce(@leachwatch_reviewer, if(@user_full_name = '', null, @user_full_name), @user_account_name)), coalesce(@leachwatch_reviewer, if(@user_full_name = '', null, @user_full_name), @user_account_name))))" applyOnUpdate="1" />
    <default field="reviewed_at" expression="with_variable('was', get_feature('leachwatch_reviews_as_stored', 'fid', &quot;fid&quot;), if(&quot;verdict&quot; is null and &quot;note&quot; is null, null, if(attribute(@was, 'verdict') is &quot;verdict&quot;, coalesce(&quot;reviewed_at&quot;, with_variable('s', floor(epoch(now()) / 1000), with_variable('d', to_date(make_datetime(1970, 1, 1, 12, 0, 0) + to_interval(floor(@s / 86400) || ' days')), make_datetime(year(@d), month(@d), day(@d), floor((@s % 86400) / 3600), floor((@s % 3600) / 60), @s % 60)))), with_variable('s', floor(epoch(now()) / 1000), with_variable('d', to_date(make_datetime(1970, 1, 1, 12, 0, 0) + to_interval(floor(@s / 86400) || ' days')), make_datetime(year(@d), month(@d), day(@d), floor((@s % 86400) / 3600), floor((@s % 3600) / 60), @s % 60))))))" applyOnUpdate="1" />
  </defaults>
  <editable>
    <field name="fid" editable="0" />
    <field name="site_id" editable="0" />
    <field name="verdict" editable="1" />
    <field name="reason" editable="1" />
    <field name="note" editable="1" />
    <field name="reviewer" editable="1" />
    <field name="reviewed_at" editable="1" />
    <field name="added" editable="0" />
    <field name="from" editable="1" />
    <field name="to" editable="1" />
    <field name="facts" editable="0" />
    <field name="picture" editable="0" />
  </editable>
  <attributetableconfig actionWidgetStyle="dropDown" sortExpression="" sortOrder="0">
    <columns>
      <column type="field" name="site_id" hidden="0" width="-1" />
      <column type="field" name="verdict" hidden="0" width="-1" />
      <column type="field" name="reason" hidden="0" width="-1" />
      <column type="field" name="note" hidden="0" width="-1" />
      <column type="field" name="from" hidden="0" width="-1" />
      <column type="field" name="to" hidden="0" width="-1" />
      <column type="field" name="reviewer" hidden="0" width="-1" />
      <column type="field" name="reviewed_at" hidden="0" width="-1" />
      <column type="field" name="added" hidden="0" width="-1" />
      <column type="field" name="fid" hidden="1" width="-1" />
      <column type="field" name="facts" hidden="1" width="-1" />
      <column type="field" name="picture" hidden="1" width="-1" />
      <column type="actions" hidden="1" width="-1" />
    </columns>
  </attributetableconfig>
  <editorlayout>tablayout</editorlayout>
  <attributeEditorForm>
    <attributeEditorContainer name="Review" showLabel="1" groupBox="1" columnCount="2" visibilityExpressionEnabled="0" visibilityExpression="">
      <attributeEditorContainer name="Verdict" showLabel="1" groupBox="1" columnCount="1" visibilityExpressionEnabled="0" visibilityExpression="">
        <attributeEditorField name="site_id" index="-1" showLabel="1" />
        <attributeEditorField name="verdict" index="-1" showLabel="1" />
        <attributeEditorField name="reason" index="-1" showLabel="1" />
        <attributeEditorField name="note" index="-1" showLabel="1" />
        <attributeEditorField name="from" index="-1" showLabel="1" />
        <attributeEditorField name="to" index="-1" showLabel="1" />
        <attributeEditorField name="reviewer" index="-1" showLabel="1" />
        <attributeEditorField name="reviewed_at" index="-1" showLabel="1" />
      </attributeEditorContainer>
      <attributeEditorContainer name="Evidence" showLabel="1" groupBox="1" columnCount="1" visibilityExpressionEnabled="0" visibilityExpression="">
        <attributeEditorField name="facts" index="-1" showLabel="0" />
        <attributeEditorField name="picture" index="-1" showLabel="0" />
      </attributeEditorContainer>
    </attributeEditorContainer>
  </attributeEditorForm>
  <previewExpression>coalesce("site_id", 'drawn by hand') || coalesce(': ' || "verdict", '')</previewExpression>
  <mapTip>&lt;b&gt;[% coalesce("site_id", 'Drawn by hand, no name yet') %]&lt;/b&gt;&lt;br&gt;[% coalesce(replace(replace(replace("verdict", '&amp;', '&amp;amp;'), '&lt;', '&amp;lt;'), '&gt;', '&amp;gt;'), 'not judged yet') %][% coalesce(': ' || replace(replace(replace("reason", '&amp;', '&amp;amp;'), '&lt;', '&amp;lt;'), '&gt;', '&amp;gt;'), '') %][% coalesce('&lt;br&gt;' || replace(replace(replace("reviewer", '&amp;', '&amp;amp;'), '&lt;', '&amp;lt;'), '&gt;', '&amp;gt;'), '') %][% coalesce(', ' || format_date("reviewed_at", 'yyyy-MM-dd'), '') %][% coalesce('&lt;br&gt;&lt;i&gt;' || replace(replace(replace("note", '&amp;', '&amp;amp;'), '&lt;', '&amp;lt;'), '&gt;', '&amp;gt;') || '&lt;/i&gt;', '') %][% if(file_exists(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || "site_id" || '.jpg'), '&lt;br&gt;&lt;img width=320 src="' || 'file://' || if(left(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || "site_id" || '.jpg', 1) = '/', '', '/') || replace(replace(replace(file_path(regexp_replace(layer_property(@layer_id, 'source'), '\\|.*$', '')) || '/pictures/' || "site_id" || '.jpg', '%', '%25'), '#', '%23'), ' ', '%20') || '"&gt;', '') %]</mapTip>
  <layerGeometryType>2</layerGeometryType>
</qgis>
