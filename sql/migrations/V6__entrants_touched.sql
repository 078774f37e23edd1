-- A poll changes a dozen entrants. Who writes updated_at itself, as the extension does, is spared a call of the function for each row.
create or replace trigger entrants_touch_updated_at before update on raceday.entrants for each row
    when (new.updated_at is not distinct from old.updated_at) execute function raceday.touch_updated_at();
