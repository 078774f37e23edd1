-- The course of a runner's fixed odds to win, as the TAB reports it (flucs_with_timestamp).

alter table raceday.entrants
    add column opening_odds numeric(10,2),
    add column opening_odds_at timestamptz,
    add column nine_am_odds numeric(10,2),
    add column highest_odds numeric(10,2),
    add column lowest_odds numeric(10,2);
comment on column raceday.entrants.opening_odds is 'Fixed odds to win when the market opened';
comment on column raceday.entrants.opening_odds_at is 'When the opening odds were set';
comment on column raceday.entrants.nine_am_odds is 'Fixed odds to win at 9 am on the day of the race';
comment on column raceday.entrants.highest_odds is 'Highest fixed odds to win so far';
comment on column raceday.entrants.lowest_odds is 'Lowest fixed odds to win so far';
