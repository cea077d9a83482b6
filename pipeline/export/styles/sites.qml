<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|Rendering" labelsEnabled="1">
  <temporal enabled="1" mode="1" startField="ground_by" endField="" startExpression="" endExpression="" durationField="" durationUnit="min" fixedDuration="0" accumulate="1" limitMode="0">
    <fixedRange>
      <start />
      <end />
    </fixedRange>
  </temporal>
  <renderer-v2 type="categorizedSymbol" attr="status">
    <categories>
      <category value="candidate" type="string" symbol="0" label="Candidate" render="true" />
      <category value="confirmed" type="string" symbol="1" label="Confirmed by several looks" render="true" />
      <category value="idle" type="string" symbol="2" label="Idle" render="true" />
      <category value="ended" type="string" symbol="3" label="Ended" render="true" />
      <category value="rejected" type="string" symbol="4" label="Rejected by a reviewer" render="true" />
    </categories>
    <symbols>
      <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="230,159,0,28" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="230,159,0,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.7" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="230,159,0,28" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="230,159,0,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.7" />
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
                <Option type="QString" name="outline_width" value="0.2" />
                <Option type="QString" name="size" value="2.2" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="230,159,0,255" />
              <prop k="outline_color" v="255,255,255,255" />
              <prop k="outline_width" v="0.2" />
              <prop k="size" v="2.2" />
              <prop k="size_unit" v="MM" />
            </layer>
          </symbol>
        </layer>
      </symbol>
      <symbol type="fill" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="213,94,0,28" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="213,94,0,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.7" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="213,94,0,28" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="213,94,0,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.7" />
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
                <Option type="QString" name="outline_width" value="0.2" />
                <Option type="QString" name="size" value="2.2" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="213,94,0,255" />
              <prop k="outline_color" v="255,255,255,255" />
              <prop k="outline_width" v="0.2" />
              <prop k="size" v="2.2" />
              <prop k="size_unit" v="MM" />
            </layer>
          </symbol>
        </layer>
      </symbol>
      <symbol type="fill" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="0,114,178,28" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="0,114,178,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.7" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="0,114,178,28" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="0,114,178,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.7" />
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
                <Option type="QString" name="outline_width" value="0.2" />
                <Option type="QString" name="size" value="2.2" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="0,114,178,255" />
              <prop k="outline_color" v="255,255,255,255" />
              <prop k="outline_width" v="0.2" />
              <prop k="size" v="2.2" />
              <prop k="size_unit" v="MM" />
            </layer>
          </symbol>
        </layer>
      </symbol>
      <symbol type="fill" name="3" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="86,180,233,28" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="86,180,233,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.7" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="86,180,233,28" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="86,180,233,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.7" />
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
                <Option type="QString" name="outline_width" value="0.2" />
                <Option type="QString" name="size" value="2.2" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="86,180,233,255" />
              <prop k="outline_color" v="255,255,255,255" />
              <prop k="outline_width" v="0.2" />
              <prop k="size" v="2.2" />
              <prop k="size_unit" v="MM" />
            </layer>
          </symbol>
        </layer>
      </symbol>
      <symbol type="fill" name="4" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="140,140,140,28" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="140,140,140,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.7" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="140,140,140,28" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="140,140,140,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.7" />
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
                <Option type="QString" name="outline_width" value="0.2" />
                <Option type="QString" name="size" value="2.2" />
                <Option type="QString" name="size_unit" value="MM" />
              </Option>
              <prop k="name" v="circle" />
              <prop k="color" v="140,140,140,255" />
              <prop k="outline_color" v="255,255,255,255" />
              <prop k="outline_width" v="0.2" />
              <prop k="size" v="2.2" />
              <prop k="size_unit" v="MM" />
            </layer>
          </symbol>
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
  <labeling type="simple">
    <settings calloutType="simple">
      <text-style fieldName="&quot;site_id&quot; || if(&quot;stale_since&quot; is null, '', '\n(as of ' || format_date(&quot;stale_since&quot;, 'yyyy-MM-dd') || ')')" isExpression="1" fontFamily="Sans Serif" fontWeight="50" textOpacity="1" fontSize="8" fontSizeUnit="Point" textColor="20,20,20,255">
        <text-buffer bufferDraw="1" bufferSize="0.6" bufferSizeUnits="MM" bufferColor="255,255,255,255" bufferOpacity="0.8" />
      </text-style>
      <placement placement="6" dist="1.2" predefinedPositionOrder="TR,TL,BR,BL,R,L,TSR,BSR" offsetType="0" geometryGenerator="point_on_surface($geometry)" geometryGeneratorEnabled="1" geometryGeneratorType="PointGeometry" />
      <rendering scaleVisibility="0" drawLabels="1" obstacle="0" displayAll="1" />
    </settings>
  </labeling>
  <aliases>
    <alias field="site_id" name="Site" />
    <alias field="status" name="Status" />
    <alias field="confidence" name="Confidence" />
    <alias field="ground_after" name="Ground: after" />
    <alias field="ground_by" name="Ground: by" />
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
  </aliases>
  <previewExpression>"site_id"</previewExpression>
  <mapTip>&lt;b&gt;[% "site_id" %]&lt;/b&gt; suspected leach-pond site&lt;br&gt;[% "status" %], confidence [% round("confidence", 2) %]&lt;br&gt;[% if("ponds_by" is null, 'no ponds seen yet', 'ponds ' || if("ponds_after" is null, 'already there at the first clear look, ', 'after ' || left(to_string("ponds_after"), 10) || ', by ') || left(to_string("ponds_by"), 10)) %][% if("simulated", '&lt;br&gt;&lt;b&gt;SIMULATED&lt;/b&gt;', '') %]</mapTip>
  <layerGeometryType>2</layerGeometryType>
</qgis>
