-- To load the calibrations since a moment
select c.version::int8, c.effective_from,
    c.country, c.category, c.band, c.phi, c.place_phi, c.n::int8,
    (c.evidence_20 * 100)::int8, (c.evidence_50 * 100)::int8, (c.evidence_100 * 100)::int8,
    (c.evidence_200 * 100)::int8, (c.evidence_500 * 100)::int8, (c.evidence_1000 * 100)::int8
from raceday.signal_calibrations c
where c.effective_from >= coalesce(
    (select max(f.effective_from) from raceday.signal_calibrations f where f.effective_from <= $1), '-infinity')
order by c.version, c.category nulls first, c.country nulls first, c.band;

-- To write a calibration
insert into raceday.signal_calibrations (version, effective_from, calibrated_from, calibrated_to, country, category, band, phi, place_phi, n, evidence_20,
    evidence_50, evidence_100, evidence_200, evidence_500, evidence_1000)
select $1::int4, $2, $3, $4, u.country, u.category, u.band, u.phi, u.place_phi, u.n::int4,
    u.evidence_20, u.evidence_50, u.evidence_100, u.evidence_200, u.evidence_500, u.evidence_1000
from unnest($5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    u (country, category, band, phi, place_phi, n, evidence_20,
    evidence_50, evidence_100, evidence_200, evidence_500, evidence_1000);

