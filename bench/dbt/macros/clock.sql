{# When it is: asked of a file when a model runs, so that nothing has to be parsed anew from day to day. #}
{% macro clock(column) %}
    {%- if execute -%}
        {{- run_query("SELECT " ~ column ~ " FROM read_parquet('" ~ env_var('BENCH_CLOCK') ~ "')").columns[0].values()[0] -}}
    {%- else -%} 0 {%- endif -%}
{% endmacro %}

{# The number of the day on the project's wall clock. #}
{% macro day_of(column) %}
    ((epoch_us({{ column }}) + CASE
        {%- for until, offset in var('offsets') %}
            {%- if until %} WHEN {{ column }} < make_timestamptz({{ until }}) THEN {{ offset }} {%- else %} ELSE {{ offset }} {%- endif %}
        {%- endfor %} END) // 86400000000)::INTEGER
{% endmacro %}

{# Only the newest days, and those that may still get late events; all of them the first time. #}
{% macro newest_days() %}
    {%- if is_incremental() -%} occurred_at >= make_timestamptz({{ clock('since') }}) {%- else -%} true {%- endif -%}
{% endmacro %}
