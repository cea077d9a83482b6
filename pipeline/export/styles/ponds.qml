<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|Rendering" labelsEnabled="0">
  <temporal enabled="1" mode="1" startField="first_seen" endField="" startExpression="" endExpression="" durationField="" durationUnit="min" fixedDuration="0" accumulate="1" limitMode="0">
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
            <Option type="QString" name="color" value="0,158,200,150" />
            <Option type="QString" name="style" value="solid" />
            <Option type="QString" name="outline_color" value="0,158,200,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="outline_width_unit" value="MM" />
          </Option>
          <prop k="color" v="0,158,200,150" />
          <prop k="style" v="solid" />
          <prop k="outline_color" v="0,158,200,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.2" />
          <prop k="outline_width_unit" v="MM" />
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
  <aliases>
    <alias field="site_id" name="Site" />
    <alias field="pond_id" name="Patch of ponds" />
    <alias field="area_m2" name="Pond area (m²)" />
    <alias field="first_seen" name="First clear look that shows it" />
  </aliases>
  <previewExpression>"site_id"</previewExpression>
  <mapTip>&lt;b&gt;[% "site_id" %]&lt;/b&gt;, patch of ponds [% "pond_id" %]&lt;br&gt;[% format_number("area_m2" / 10000, 3) %] ha[% coalesce('&lt;br&gt;first seen ' || format_date("first_seen", 'yyyy-MM-dd'), '') %]</mapTip>
  <layerGeometryType>2</layerGeometryType>
</qgis>
