-- depends_on: {{ ref('stg_lgsr__source_files') }}
-- A store is what its latest week says; within the week most lines win, then the codes first in the alphabet.
with

store_codes as (

    select *
    from {{ source('lgsr', 'codes') }}
    where store_id is not null

),

final as (

    select
        store_id,
        store_format,
        store_region
    from store_codes
    qualify
        row_number() over (
            partition by store_id
            order by week desc, lines desc, store_format nulls last, store_region nulls last
        ) = 1

)

select * from final
