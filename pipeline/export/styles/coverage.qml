<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|Rendering" labelsEnabled="0">
  <temporal enabled="1" mode="2" startField="month_start" endField="month_end" startExpression="" endExpression="" durationField="" durationUnit="min" fixedDuration="0" accumulate="0" limitMode="0">
    <fixedRange>
      <start />
      <end />
    </fixedRange>
  </temporal>
  <renderer-v2 type="graduatedSymbol" attr="share_seen" graduatedMethod="GraduatedColor">
    <ranges>
      <range lower="0.0" upper="0.05" label="Not seen" symbol="0" render="true" />
      <range lower="0.05" upper="0.5" label="Under half" symbol="1" render="true" />
      <range lower="0.5" upper="0.95" label="Half or more" symbol="2" render="true" />
      <range lower="0.95" upper="1.0" label="All" symbol="3" render="true" />
    </ranges>
    <symbols>
      <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="150,150,150,0" />
            <Option type="QString" name="style" value="no" />
            <Option type="QString" name="outline_color" value="150,150,150,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.12" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="150,150,150,0" />
          <prop k="style" v="no" />
          <prop k="outline_color" v="150,150,150,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.12" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="fill" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="190,174,212,14" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="190,174,212,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.12" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="190,174,212,14" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="190,174,212,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.12" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="fill" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="152,202,190,14" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="152,202,190,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.12" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="152,202,190,14" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="152,202,190,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.12" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
      </symbol>
      <symbol type="fill" name="3" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="color" value="27,120,90,14" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="27,120,90,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.12" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="27,120,90,14" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="27,120,90,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.12" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
  <aliases>
    <alias field="cell" name="Cell" />
    <alias field="month" name="Month" />
    <alias field="looks" name="Looks" />
    <alias field="clear_looks" name="Clear looks" />
    <alias field="share_seen" name="Share seen (0 to 1)" />
    <alias field="month_start" name="Month begins" />
    <alias field="month_end" name="Next month begins" />
  </aliases>
  <previewExpression>"cell"</previewExpression>
  <mapTip>[% "month" %]: [% "clear_looks" %] clear looks of [% "looks" %], [% round(100 * "share_seen") %] % seen</mapTip>
  <layerGeometryType>2</layerGeometryType>
</qgis>
