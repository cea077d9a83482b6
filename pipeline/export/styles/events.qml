<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|Rendering" labelsEnabled="1" hasScaleBasedVisibilityFlag="1" minScale="40000" maxScale="0">
  <temporal enabled="1" mode="1" startField="by" endField="" startExpression="" endExpression="" durationField="" durationUnit="min" fixedDuration="0" accumulate="1" limitMode="0">
    <fixedRange>
      <start />
      <end />
    </fixedRange>
  </temporal>
  <renderer-v2 type="categorizedSymbol" attr="kind">
    <categories>
      <category value="appeared" type="string" symbol="0" label="Ground appeared" render="true" />
      <category value="ponds built" type="string" symbol="1" label="Ponds built" render="true" />
      <category value="grew" type="string" symbol="2" label="Pond area grew" render="true" />
      <category value="idle" type="string" symbol="3" label="Idle" render="true" />
      <category value="resumed" type="string" symbol="4" label="Resumed" render="true" />
      <category value="ended" type="string" symbol="5" label="Ended" render="true" />
      <category value="split" type="string" symbol="6" label="Split from another site" render="true" />
      <category value="merged" type="string" symbol="7" label="Became part of another site" render="true" />
      <category value="withdrawn" type="string" symbol="8" label="No longer supported" render="true" />
      <category value="revised" type="string" symbol="9" label="Revised by a late scene" render="true" />
    </categories>
    <symbols>
      <symbol type="marker" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="diamond" />
            <Option type="QString" name="color" value="240,228,66,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="3.4" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="diamond" />
          <prop k="color" v="240,228,66,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="3.4" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="marker" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="diamond" />
            <Option type="QString" name="color" value="204,121,167,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="3.4" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="diamond" />
          <prop k="color" v="204,121,167,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="3.4" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="marker" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="diamond" />
            <Option type="QString" name="color" value="0,0,0,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="3.4" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="diamond" />
          <prop k="color" v="0,0,0,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="3.4" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="marker" name="3" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="diamond" />
            <Option type="QString" name="color" value="0,114,178,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="3.4" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="diamond" />
          <prop k="color" v="0,114,178,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="3.4" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="marker" name="4" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="diamond" />
            <Option type="QString" name="color" value="213,94,0,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="3.4" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="diamond" />
          <prop k="color" v="213,94,0,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="3.4" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="marker" name="5" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="diamond" />
            <Option type="QString" name="color" value="86,180,233,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="3.4" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="diamond" />
          <prop k="color" v="86,180,233,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="3.4" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="marker" name="6" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="diamond" />
            <Option type="QString" name="color" value="0,158,115,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="3.4" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="diamond" />
          <prop k="color" v="0,158,115,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="3.4" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="marker" name="7" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="diamond" />
            <Option type="QString" name="color" value="230,159,0,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="3.4" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="diamond" />
          <prop k="color" v="230,159,0,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="3.4" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="marker" name="8" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="diamond" />
            <Option type="QString" name="color" value="140,140,140,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="3.4" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="diamond" />
          <prop k="color" v="140,140,140,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="3.4" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="marker" name="9" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="diamond" />
            <Option type="QString" name="color" value="120,94,240,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="3.4" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="diamond" />
          <prop k="color" v="120,94,240,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="3.4" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
  <labeling type="simple">
    <settings calloutType="simple">
      <text-style fieldName="&quot;kind&quot; || ' by ' || format_date(&quot;by&quot;, 'yyyy-MM-dd')" isExpression="1" fontFamily="Sans Serif" fontWeight="50" textOpacity="1" fontSize="7.5" fontSizeUnit="Point" textColor="60,60,60,255">
        <text-buffer bufferDraw="1" bufferSize="0.7" bufferSizeUnits="MM" bufferColor="255,255,255,255" bufferOpacity="0.85" />
      </text-style>
      <placement placement="6" dist="1.6" distUnits="MM" priority="4" predefinedPositionOrder="R,L,BR,BL,TR,TL,BSR,BSL,TSR,TSL" offsetType="0" />
      <rendering scaleVisibility="0" drawLabels="1" obstacle="0" displayAll="0" />
    </settings>
  </labeling>
  <aliases>
    <alias field="site_id" name="Site" />
    <alias field="kind" name="Event" />
    <alias field="after" name="After" />
    <alias field="by" name="By" />
    <alias field="evidence" name="Proved by" />
  </aliases>
  <previewExpression>"site_id"</previewExpression>
  <mapTip>&lt;b&gt;[% "site_id" %]&lt;/b&gt;: [% "kind" %]&lt;br&gt;[% if("after" is null, '', 'after ' || left(to_string("after"), 10) || ', ') %]by [% left(to_string("by"), 10) %]</mapTip>
  <layerGeometryType>0</layerGeometryType>
</qgis>
