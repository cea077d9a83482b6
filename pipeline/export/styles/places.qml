<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|AttributeTable|Rendering" labelsEnabled="1">
  <temporal enabled="0" mode="1" startField="" endField="" startExpression="" endExpression="" durationField="" durationUnit="min" fixedDuration="0" accumulate="0" limitMode="0">
    <fixedRange>
      <start />
      <end />
    </fixedRange>
  </temporal>
  <renderer-v2 type="singleSymbol">
    <symbols>
      <symbol type="marker" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="circle" />
            <Option type="QString" name="color" value="90,90,90,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="1.1" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="circle" />
          <prop k="color" v="90,90,90,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="1.1" />
          <prop k="size_unit" v="MM" />
          <data_defined_properties>
            <Option type="Map">
              <Option type="QString" name="name" value="" />
              <Option type="Map" name="properties">
                <Option type="Map" name="size">
                  <Option type="bool" name="active" value="true" />
                  <Option type="QString" name="expression" value="array_get(array(1.8, 1.3, 0.9), &quot;rank&quot; - 1)" />
                  <Option type="int" name="type" value="3" />
                </Option>
              </Option>
              <Option type="QString" name="type" value="collection" />
            </Option>
          </data_defined_properties>
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
  <labeling type="simple">
    <settings calloutType="simple">
      <text-style fieldName="&quot;name&quot;" isExpression="1" fontFamily="Sans Serif" fontWeight="50" textOpacity="1" fontSize="8" fontSizeUnit="Point" textColor="95,95,95,255">
        <text-buffer bufferDraw="1" bufferSize="0.7" bufferSizeUnits="MM" bufferColor="255,255,255,255" bufferOpacity="0.85" />
      </text-style>
      <placement placement="6" dist="0.9" distUnits="MM" priority="3" predefinedPositionOrder="TR,TL,BR,BL,R,L" offsetType="0" />
      <rendering scaleVisibility="0" drawLabels="1" obstacle="1" displayAll="0" />
      <dd_properties>
        <Option type="Map">
          <Option type="QString" name="name" value="" />
          <Option type="Map" name="properties">
            <Option type="Map" name="Size">
              <Option type="bool" name="active" value="true" />
              <Option type="QString" name="expression" value="array_get(array(10, 8.5, 7.5), &quot;rank&quot; - 1)" />
              <Option type="int" name="type" value="3" />
            </Option>
            <Option type="Map" name="Priority">
              <Option type="bool" name="active" value="true" />
              <Option type="QString" name="expression" value="4 - &quot;rank&quot;" />
              <Option type="int" name="type" value="3" />
            </Option>
          </Option>
          <Option type="QString" name="type" value="collection" />
        </Option>
      </dd_properties>
    </settings>
  </labeling>
  <aliases>
    <alias field="kind" name="Kind" />
    <alias field="name" name="Name" />
    <alias field="rank" name="1 city, 2 town, 3 smaller" />
  </aliases>
  <editable>
    <field name="kind" editable="0" />
    <field name="name" editable="0" />
    <field name="rank" editable="0" />
  </editable>
  <previewExpression>"name"</previewExpression>
  <mapTip>[% "name" %]</mapTip>
  <layerGeometryType>0</layerGeometryType>
</qgis>
