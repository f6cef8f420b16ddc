"""The SQL of a load: from raw lines to landing tables.

`raw_lines` holds the lines of a batch of files with one layout (`loading.RawLines`). Parameters named after a column of
the format are its position in the layout; parameters that are lists have one value per file of the batch.
"""

# A week has one file, so that the week stands for the file.
LANDING = """
create schema if not exists landing;

create table if not exists landing.lgsr_files (
    file_name varchar, week integer, content_hash varchar, bytes bigint, modified_ns bigint, rules_hash varchar,
    lines bigint, duplicates bigint, is_in_folder boolean, loaded_at timestamp
);
create table if not exists landing.lgsr_lines (
    line_number bigint, basket_id varchar, customer_id varchar, product_id varchar, store_id varchar,
    basket_size varchar, basket_price_sensitivity varchar, basket_type varchar, basket_mission varchar, week integer,
    purchase_hour integer, quantity decimal(12, 3), spend decimal(12, 2), purchased_on date
);
create table if not exists landing.lgsr_rejected_lines (
    week integer, line_number bigint, raw_line varchar, reason varchar
);
create table if not exists landing.lgsr_codes (
    week integer, lines bigint,
    product_id varchar, subcategory_id varchar, category_id varchar, department_id varchar, division_id varchar,
    customer_id varchar, lifestage varchar, price_sensitivity varchar,
    store_id varchar, store_format varchar, store_region varchar
);
"""
LANDING_TABLES = ("files", "lines", "rejected_lines", "codes")

# Equal lines have equal hashes: only lines that share one are compared by their text. A byte that is not UTF-8 has the
# text of a line that says the same in plain letters, and is told from it by its fault.
FIND_REPEATS = """
create or replace temp table repeated_lines as
with

suspects as (

    select hash(line) as line_hash
    from raw_lines
    group by file_index, line_hash
    having count(*) > 1

),

ranked as (

    select
        file_index,
        row_id,
        row_number() over (partition by file_index, line, fault order by row_id) as occurrence
    from raw_lines
    where hash(line) in (select line_hash from suspects)

)

select
    file_index,
    row_id
from ranked
where occurrence > 1
"""


def _whole_number(text: str) -> str:
    """SQL of plain digits as an integer. A bare cast would also take 200651.4, 1e3, 1_000, 0x10 and blanks."""
    return f"case when regexp_full_match({text}, '[0-9]+') then try_cast({text} as integer) end"


def _decimal(text: str, scale: int) -> str:
    """SQL of digits, point and minus sign as a decimal; 1e3, 1_000, +1 and blanks are none."""
    pattern = "-?([0-9]+[.]?[0-9]*|[.][0-9]+)"
    return f"case when regexp_full_match({text}, '{pattern}') then try_cast({text} as decimal(12, {scale})) end"


def _code(text: str) -> str:
    """SQL of a text as it stands; blanks alone are none. Comparing spares most values the slower pattern."""
    return rf"case when {text} between '!' and '~' or not regexp_full_match({text}, '[\s\v\p{{Z}}]*') then {text} end"


# What every line of the batch says; repeats left out.
PARSED_LINES = rf"""
with

-- A quoted field may hold commas and doubled quotes; the leading comma gives every field one to begin with.
split as (

    select
        file_index,
        row_id,
        line_number,
        line,
        case
            when fault is not null then fault
            when line = '' then 'empty_line'
            when contains(line, '"') and not regexp_full_match(',' || line, '(,("([^"]|"")*"|[^",]*))*')
                then 'unclosed_quote'
        end as fault,
        case
            when contains(line, '"')
                then list_transform(
                    regexp_extract_all(',' || line, ',("(?:[^"]|"")*"|[^",]*)', 1),
                    lambda field: if(starts_with(field, '"'), replace(field[2:-2], '""', '"'), field)
                )
            else string_split(line, ',')
        end as fields
    from raw_lines
    where row_id not in (select row_id from repeated_lines)

),

named as (

    select
        file_index,
        row_id,
        line_number,
        line,
        case
            when fault is not null then fault
            when len(fields) < $fields then 'too_few_fields'
            when len(fields) > $fields then 'too_many_fields'
        end as fault,
        {_whole_number("fields[$week]")} as week,
        nullif(fields[$weekday], '') as weekday_text,
        {_whole_number("weekday_text")} as weekday,
        nullif(fields[$purchase_hour], '') as purchase_hour_text,
        {_whole_number("purchase_hour_text")} as purchase_hour,
        {_decimal("fields[$quantity]", 3)} as quantity,
        {_decimal("fields[$spend]", 2)} as spend,
        {_code("fields[$product_id]")} as product_id,
        {_code("fields[$subcategory_id]")} as subcategory_id,
        {_code("fields[$category_id]")} as category_id,
        {_code("fields[$department_id]")} as department_id,
        {_code("fields[$division_id]")} as division_id,
        {_code("fields[$customer_id]")} as customer_id,
        {_code("fields[$price_sensitivity]")} as price_sensitivity,
        {_code("fields[$lifestage]")} as lifestage,
        {_code("fields[$basket_id]")} as basket_id,
        {_code("fields[$basket_size]")} as basket_size,
        {_code("fields[$basket_price_sensitivity]")} as basket_price_sensitivity,
        {_code("fields[$basket_type]")} as basket_type,
        {_code("fields[$basket_mission]")} as basket_mission,
        {_code("fields[$store_id]")} as store_id,
        {_code("fields[$store_format]")} as store_format,
        {_code("fields[$store_region]")} as store_region,
        fields[$purchased_on] as purchased_on_text,
        case
            when length(purchased_on_text) = 8 and regexp_full_match(purchased_on_text, '[0-9]+')
                then cast(try_strptime(purchased_on_text, '%Y%m%d') as date)
        end as purchased_on
    from split

)
"""

# And whether it is good. What holds for a whole file comes as a list value, in the order of the batch.
JUDGED_LINES = f"""
{PARSED_LINES},

with_context as (

    select
        *,
        $file_weeks[file_index + 1] as file_week,
        week = file_week or list_contains($known_weeks, week) as is_known_week,
        -- A line of another week is rejected for that, so that only the days of the file's own week matter.
        if(is_known_week, $starts_on[file_index + 1], null) as starts_on,
        if(is_known_week, $ends_on[file_index + 1], null) as ends_on,
        if(
            list_contains(cast($excluded_departments as varchar[]), department_id), department_id, null
        ) as excluded_department_id,
        if(
            list_contains(cast($excluded_categories as varchar[]), category_id), category_id, null
        ) as excluded_category_id
    from named

),

judged as (

    select
        *,
        coalesce(
            fault,
            case
                when weekday_text is not null and coalesce(weekday not between 1 and 7, true) then 'invalid_weekday'
                when purchase_hour_text is not null and coalesce(purchase_hour not between 0 and 23, true)
                    then 'invalid_hour'
                when is_known_week and week <> file_week then 'week_of_another_file'
            end,
            line_rejection_reason(
                product_id, basket_id, quantity, spend, purchased_on, starts_on, ends_on, excluded_department_id,
                excluded_category_id
            )
        ) as reason
    from with_context

)
"""

LAND_GOOD_LINES = f"""
insert into landing.lgsr_lines
{JUDGED_LINES}
select
    line_number, basket_id, customer_id, product_id, store_id, basket_size, basket_price_sensitivity, basket_type,
    basket_mission, week, purchase_hour, quantity, spend, purchased_on
from judged
where reason is null
"""

FIND_REJECTED_LINES = f"""
insert into batch_rejects
{JUDGED_LINES}
select file_index, row_id, file_week, line_number, line, reason
from judged
where reason is not null
"""

EMPTY_BATCH_REJECTS = """
create or replace temp table batch_rejects (
    file_index bigint, row_id bigint, week integer, line_number bigint, line varchar, reason varchar
)
"""

LAND_REJECTED_LINES = """
insert into landing.lgsr_rejected_lines
select week, line_number, line, reason
from batch_rejects
"""

LAND_FILE = """
insert into landing.lgsr_files
values (
    $file_name, $week, $content_hash, $bytes, $modified_ns, $rules_hash, $lines, $duplicates, true, $loaded_at
)
"""

# Rejected lines of each file, those of them that are damaged, and duplicates.
COUNT_OUTCOMES = """
select
    file_index,
    (select count(*) from batch_rejects as rejects where rejects.file_index = batch.file_index),
    (
        select count(*)
        from batch_rejects as rejects
        where rejects.file_index = batch.file_index and rejects.reason not in $policy_reasons
    ),
    (select count(*) from repeated_lines as repeats where repeats.file_index = batch.file_index)
from range($files) as batch (file_index)
order by file_index
"""

# The codes that good lines show for each product, each customer and each store, in one pass over the lines.
LAND_CODES = f"""
insert into landing.lgsr_codes
{PARSED_LINES}
select
    $file_weeks[file_index + 1], count(*),
    product_id, subcategory_id, category_id, department_id, division_id,
    customer_id, lifestage, price_sensitivity,
    store_id, store_format, store_region
from named
where row_id not in (select row_id from batch_rejects)
group by
    grouping sets (
        (file_index, product_id, subcategory_id, category_id, department_id, division_id),
        (file_index, customer_id, lifestage, price_sensitivity),
        (file_index, store_id, store_format, store_region)
    )
having coalesce(product_id, customer_id, store_id) is not null
"""

EXPLAIN_REJECTS = """
select
    reason,
    count(*) as lines,
    min(line_number) as first_line,
    arg_min(line, line_number) as example
from batch_rejects
where file_index = $file_index and reason not in $other_reasons
group by reason
order by lines desc, reason
"""

# A file that was touched is known by its new time of writing from now on.
NOTE_TIME_OF_WRITING = """
update landing.lgsr_files
set modified_ns = folder_listing.modified_ns
from folder_listing
where lgsr_files.file_name = folder_listing.file_name
    and lgsr_files.modified_ns <> folder_listing.modified_ns
"""

# Which loaded files are still there.
NOTE_PRESENCE = """
update landing.lgsr_files
set is_in_folder = not is_in_folder
where is_in_folder <> (file_name in (select file_name from folder_listing))
"""
