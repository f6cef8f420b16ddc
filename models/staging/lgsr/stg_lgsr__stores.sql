-- A store is what its latest week says; within the week most lines win, then the codes first in the alphabet.
with

codes as (

    select * from {{ source('lgsr', 'codes') }}

),

source_files as (

    select * from {{ ref('stg_lgsr__source_files') }}

),

final as (

    select
        codes.store_id,
        codes.store_format,
        codes.store_region
    from codes
    inner join source_files on codes.week = source_files.week
    where codes.store_id is not null
    qualify
        row_number() over (
            partition by codes.store_id
            order by
                codes.week desc,
                codes.lines desc,
                codes.store_format asc nulls last,
                codes.store_region asc nulls last
        ) = 1

)

select * from final
