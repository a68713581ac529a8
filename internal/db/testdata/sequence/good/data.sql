-- class: data
-- +goose Up
UPDATE harbours SET name = 'port ' || name
WHERE id IN (SELECT id FROM harbours WHERE name NOT LIKE 'port %' LIMIT $batch);
INSERT INTO berths (id, harbour_id, number)
SELECT 'quay of ' || h.id, h.id, 1000 FROM harbours h
WHERE NOT EXISTS (SELECT 1 FROM berths b WHERE b.harbour_id = h.id AND b.number = 1000) LIMIT $batch;
-- +goose Down
DELETE FROM berths WHERE id IN (SELECT id FROM berths WHERE number = 1000 LIMIT $batch);
