<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|AttributeTable|Rendering" labelsEnabled="0" hasScaleBasedVisibilityFlag="1" minScale="100000" maxScale="0">
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
            <Option type="QString" name="name" value="cross" />
            <Option type="QString" name="color" value="255,255,255,255" />
            <Option type="QString" name="outline_color" value="255,255,255,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="1.1" />
            <Option type="QString" name="size" value="3.8" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="cross" />
          <prop k="color" v="255,255,255,255" />
          <prop k="outline_color" v="255,255,255,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="1.1" />
          <prop k="size" v="3.8" />
          <prop k="size_unit" v="MM" />
        </layer>
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            <Option type="QString" name="name" value="cross" />
            <Option type="QString" name="color" value="170,0,110,255" />
            <Option type="QString" name="outline_color" value="170,0,110,255" />
            <Option type="QString" name="outline_style" value="solid" />
            <Option type="QString" name="outline_width" value="0.5" />
            <Option type="QString" name="size" value="3.4" />
            <Option type="QString" name="size_unit" value="MM" />
          </Option>
          <prop k="name" v="cross" />
          <prop k="color" v="170,0,110,255" />
          <prop k="outline_color" v="170,0,110,255" />
          <prop k="outline_style" v="solid" />
          <prop k="outline_width" v="0.5" />
          <prop k="size" v="3.4" />
          <prop k="size_unit" v="MM" />
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
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
    <field name="set_at" configurationFlags="None">
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
  </fieldConfiguration>
  <aliases>
    <alias field="fid" name="Row" />
    <alias field="site_id" name="Site" />
    <alias field="reviewer" name="Reviewer" />
    <alias field="set_at" name="Set at (UTC)" />
  </aliases>
  <defaults>
    <default field="site_id" expression="with_variable('n', overlay_nearest('leachwatch_sites', &quot;site_id&quot;, limit:=1, max_distance:=0.005), if(array_length(@n) &gt; 0, @n[0], null))" applyOnUpdate="0" />
    <default field="reviewer" expression="coalesce(@leachwatch_reviewer, if(@user_full_name = '', null, @user_full_name), @user_account_name)" applyOnUpdate="0" />
    <default field="set_at" expression="with_variable('s', floor(epoch(now()) / 1000), with_variable('d', to_date(make_datetime(1970, 1, 1, 12, 0, 0) + to_interval(floor(@s / 86400) || ' days')), make_datetime(year(@d), month(@d), day(@d), floor((@s % 86400) / 3600), floor((@s % 3600) / 60), @s % 60)))" applyOnUpdate="0" />
  </defaults>
  <editable>
    <field name="fid" editable="0" />
    <field name="site_id" editable="1" />
    <field name="reviewer" editable="1" />
    <field name="set_at" editable="1" />
  </editable>
  <attributetableconfig actionWidgetStyle="dropDown" sortExpression="" sortOrder="0">
    <columns>
      <column type="field" name="site_id" hidden="0" width="-1" />
      <column type="field" name="reviewer" hidden="0" width="-1" />
      <column type="field" name="set_at" hidden="0" width="-1" />
      <column type="field" name="fid" hidden="1" width="-1" />
      <column type="actions" hidden="1" width="-1" />
    </columns>
  </attributetableconfig>
  <editorlayout>tablayout</editorlayout>
  <attributeEditorForm>
    <attributeEditorContainer name="Middle of a pond" showLabel="1" groupBox="0" columnCount="1" visibilityExpressionEnabled="0" visibilityExpression="">
      <attributeEditorField name="site_id" index="-1" showLabel="1" />
      <attributeEditorField name="reviewer" index="-1" showLabel="1" />
      <attributeEditorField name="set_at" index="-1" showLabel="1" />
    </attributeEditorContainer>
  </attributeEditorForm>
  <previewExpression>"site_id"</previewExpression>
  <mapTip>Middle of a pond[% coalesce(', ' || replace(replace(replace("site_id", '&amp;', '&amp;amp;'), '&lt;', '&amp;lt;'), '&gt;', '&amp;gt;'), '') %][% coalesce('&lt;br&gt;set by ' || replace(replace(replace("reviewer", '&amp;', '&amp;amp;'), '&lt;', '&amp;lt;'), '&gt;', '&amp;gt;'), '') %]</mapTip>
  <layerGeometryType>0</layerGeometryType>
</qgis>
