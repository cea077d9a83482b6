<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|AttributeTable|Rendering" labelsEnabled="0">
  <temporal enabled="0" mode="1" startField="" endField="" startExpression="" endExpression="" durationField="" durationUnit="min" fixedDuration="0" accumulate="0" limitMode="0">
    <fixedRange>
      <start />
      <end />
    </fixedRange>
  </temporal>
  <renderer-v2 type="singleSymbol">
    <symbols>
      <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="0,0,0,0" />
            <Option type="QString" name="style" value="no" />
            <Option type="QString" name="outline_color" value="255,255,255,200" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="1.0" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="0,0,0,0" />
          <prop k="style" v="no" />
          <prop k="outline_color" v="255,255,255,200" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="1.0" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="0,0,0,0" />
            <Option type="QString" name="style" value="no" />
            <Option type="QString" name="outline_color" value="120,120,120,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.35" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="0,0,0,0" />
          <prop k="style" v="no" />
          <prop k="outline_color" v="120,120,120,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.35" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
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
  <mapTip>[% "name" %]: the area searched</mapTip>
  <layerGeometryType>2</layerGeometryType>
</qgis>
