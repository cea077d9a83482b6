<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|Rendering" labelsEnabled="0" hasScaleBasedVisibilityFlag="1" minScale="150000" maxScale="0">
  <temporal enabled="1" mode="1" startField="day" endField="" startExpression="" endExpression="" durationField="" durationUnit="min" fixedDuration="0" accumulate="0" limitMode="0">
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
            <Option type="QString" name="color" value="80,80,80,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_width" value="0.2" />
            <Option type="QString" name="size" value="1.6" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="circle" />
          <prop k="color" v="80,80,80,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_width" v="0.2" />
          <prop k="size" v="1.6" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
  <aliases>
    <alias field="site_id" name="Site" />
    <alias field="day" name="Day" />
    <alias field="overpass" name="Overpass" />
    <alias field="share_seen" name="Share seen (0 to 1)" />
    <alias field="pond_area_m2" name="Pond area (m²)" />
    <alias field="pond_area_low_m2" name="Pond area, low (m²)" />
    <alias field="pond_area_high_m2" name="Pond area, high (m²)" />
    <alias field="ground_area_m2" name="Mine ground (m²)" />
    <alias field="state" name="State by all looks" />
    <alias field="ponds_present" name="Shows ponds" />
    <alias field="ground_present" name="Shows cleared ground" />
  </aliases>
  <previewExpression>"site_id"</previewExpression>
  <mapTip>&lt;b&gt;[% "site_id" %]&lt;/b&gt;, look of [% format_date("day", 'yyyy-MM-dd') %]&lt;br&gt;ponds [% format_number("pond_area_m2" / 10000, 2) || ' ha (' || format_number("pond_area_low_m2" / 10000, 2) || ' to ' || format_number("pond_area_high_m2" / 10000, 2) || ')' %]</mapTip>
  <layerGeometryType>0</layerGeometryType>
</qgis>
