<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|AttributeTable|Rendering" labelsEnabled="0">
  <temporal enabled="1" mode="2" startField="month_start" endField="month_end" startExpression="" endExpression="" durationField="" durationUnit="min" fixedDuration="0" accumulate="0" limitMode="0">
    <fixedRange>
      <start />
      <end />
    </fixedRange>
  </temporal>
  <renderer-v2 type="mergedFeatureRenderer">
    <renderer-v2 type="RuleRenderer">
      <rules key="{00000000-0000-4000-8000-000000000000}">
        <rule key="{00000000-0000-4000-8000-000000000001}" symbol="0" label="Not seen" filter="&quot;share_seen&quot; &lt; 0.05 and (@map_start_time is not null or &quot;month&quot; = aggregate(@layer_id, 'max', &quot;month&quot;))" />
        <rule key="{00000000-0000-4000-8000-000000000002}" symbol="1" label="Seen in part" filter="&quot;share_seen&quot; &gt;= 0.05 and &quot;share_seen&quot; &lt; 0.5 and (@map_start_time is not null or &quot;month&quot; = aggregate(@layer_id, 'max', &quot;month&quot;))" />
      </rules>
      <symbols>
        <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
          <layer class="LinePatternFill" enabled="1" locked="0" pass="0">
            <Option type="Map">
              <Option type="QString" name="angle" value="45" />
              <Option type="QString" name="color" value="165,165,165,255" />
              <Option type="QString" name="distance" value="2.6" />
              <Option type="QString" name="distance_unit" value="MM" />
              <Option type="QString" name="line_width" value="0.12" />
              <Option type="QString" name="line_width_unit" value="MM" />
              <Option type="QString" name="offset" value="0" />
            </Option>
            <prop k="angle" v="45" />
            <prop k="color" v="165,165,165,255" />
            <prop k="distance" v="2.6" />
            <prop k="distance_unit" v="MM" />
            <prop k="line_width" v="0.12" />
            <prop k="line_width_unit" v="MM" />
            <prop k="offset" v="0" />
            <symbol type="line" name="@0@0" alpha="1" clip_to_extent="1" force_rhr="0">
              <layer class="SimpleLine" enabled="1" locked="0" pass="0">
                <Option type="Map">
                  <Option type="QString" name="line_color" value="165,165,165,255" />
                  <Option type="QString" name="line_style" value="solid" />
                  <Option type="QString" name="line_width" value="0.12" />
                  <Option type="QString" name="line_width_unit" value="MM" />
                </Option>
                <prop k="line_color" v="165,165,165,255" />
                <prop k="line_style" v="solid" />
                <prop k="line_width" v="0.12" />
                <prop k="line_width_unit" v="MM" />
              </layer>
            </symbol>
          </layer>
        </symbol>
        <symbol type="fill" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
          <layer class="LinePatternFill" enabled="1" locked="0" pass="0">
            <Option type="Map">
              <Option type="QString" name="angle" value="45" />
              <Option type="QString" name="color" value="165,165,165,255" />
              <Option type="QString" name="distance" value="6" />
              <Option type="QString" name="distance_unit" value="MM" />
              <Option type="QString" name="line_width" value="0.12" />
              <Option type="QString" name="line_width_unit" value="MM" />
              <Option type="QString" name="offset" value="0" />
            </Option>
            <prop k="angle" v="45" />
            <prop k="color" v="165,165,165,255" />
            <prop k="distance" v="6" />
            <prop k="distance_unit" v="MM" />
            <prop k="line_width" v="0.12" />
            <prop k="line_width_unit" v="MM" />
            <prop k="offset" v="0" />
            <symbol type="line" name="@0@0" alpha="1" clip_to_extent="1" force_rhr="0">
              <layer class="SimpleLine" enabled="1" locked="0" pass="0">
                <Option type="Map">
                  <Option type="QString" name="line_color" value="165,165,165,255" />
                  <Option type="QString" name="line_style" value="solid" />
                  <Option type="QString" name="line_width" value="0.12" />
                  <Option type="QString" name="line_width_unit" value="MM" />
                </Option>
                <prop k="line_color" v="165,165,165,255" />
                <prop k="line_style" v="solid" />
                <prop k="line_width" v="0.12" />
                <prop k="line_width_unit" v="MM" />
              </layer>
            </symbol>
          </layer>
        </symbol>
      </symbols>
    </renderer-v2>
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
  <editable>
    <field name="cell" editable="0" />
    <field name="month" editable="0" />
    <field name="looks" editable="0" />
    <field name="clear_looks" editable="0" />
    <field name="share_seen" editable="0" />
    <field name="month_start" editable="0" />
    <field name="month_end" editable="0" />
  </editable>
  <previewExpression>"cell"</previewExpression>
  <mapTip>[% "month" %]: [% "clear_looks" %] clear looks of [% "looks" %], [% round(100 * "share_seen") %] % seen</mapTip>
  <layerGeometryType>2</layerGeometryType>
</qgis>
