-- A small company on 2026-11-16. Amounts are euros.
CREATE TABLE today (day TEXT NOT NULL);
INSERT INTO today VALUES ('2026-11-16');

CREATE TABLE budgets (department TEXT PRIMARY KEY, amount REAL, spent REAL, reserved REAL, frozen INTEGER);
INSERT INTO budgets VALUES
  ('it', 50000, 31000, 4000, 0),
  ('marketing', 20000, 18500, 500, 0),
  ('facilities', 30000, 12000, 0, 0),
  ('research', 80000, 20000, 5000, 0),
  ('hr', 8000, 7900, 0, 0),
  ('legal', 10000, 2000, 0, 1);

CREATE TABLE spend_rules (category TEXT PRIMARY KEY, auto_limit REAL, hard_limit REAL, forbidden INTEGER);
INSERT INTO spend_rules VALUES
  ('hardware', 2000, 20000, 0),
  ('software', 1500, 15000, 0),
  ('furniture', 1000, 10000, 0),
  ('office', 500, 3000, 0),
  ('training', 1000, 8000, 0),
  ('travel', 800, 5000, 0),
  ('lab', 3000, 40000, 0),
  ('gifts', 500, 3000, 1),
  ('alcohol', 500, 3000, 1);

CREATE TABLE catalogue (item TEXT PRIMARY KEY, category TEXT NOT NULL);
INSERT INTO catalogue VALUES
  ('laptop', 'hardware'), ('monitor', 'hardware'), ('keyboard', 'hardware'),
  ('chair', 'furniture'), ('desk', 'furniture'), ('paper', 'office'), ('toner', 'office'),
  ('crm licence', 'software'), ('microscope', 'lab'), ('centrifuge', 'lab'),
  ('course', 'training'), ('flight', 'travel'), ('wine', 'alcohol'), ('gift card', 'gifts');

CREATE TABLE vendors (vendor TEXT PRIMARY KEY, status TEXT NOT NULL, categories TEXT NOT NULL);
INSERT INTO vendors VALUES
  ('nordtech', 'approved', 'hardware software'),
  ('papyr', 'approved', 'office'),
  ('sitwell', 'approved', 'furniture'),
  ('cloudline', 'approved', 'software'),
  ('labora', 'approved', 'lab'),
  ('viator', 'approved', 'travel'),
  ('learnwell', 'approved', 'training'),
  ('fairgoods', 'approved', 'office gifts'),
  ('brightmind', 'pending', 'training'),
  ('quickparts', 'blocked', 'hardware');

CREATE TABLE contracts (vendor TEXT, category TEXT, begins TEXT, ends TEXT, ceiling REAL, used REAL);
INSERT INTO contracts VALUES
  ('nordtech', 'hardware', '2026-01-01', '2026-12-31', 60000, 20000),
  ('nordtech', 'software', '2025-01-01', '2026-06-30', 40000, 12000),
  ('papyr', 'office', '2026-01-01', '2027-01-31', 5000, 4600),
  ('sitwell', 'furniture', '2025-07-01', '2026-12-31', 20000, 2000),
  ('cloudline', 'software', '2026-03-01', '2027-02-28', 30000, 5000),
  ('labora', 'lab', '2026-01-01', '2026-12-31', 100000, 30000),
  ('viator', 'travel', '2025-01-01', '2025-12-31', 15000, 9000),
  ('learnwell', 'training', '2026-06-01', '2027-05-31', 15000, 3000);

CREATE TABLE prices (vendor TEXT, item TEXT, price REAL, PRIMARY KEY (vendor, item));
INSERT INTO prices VALUES
  ('nordtech', 'laptop', 1200), ('nordtech', 'monitor', 300),
  ('sitwell', 'chair', 250), ('sitwell', 'desk', 600),
  ('papyr', 'paper', 5), ('papyr', 'toner', 80),
  ('cloudline', 'crm licence', 30), ('labora', 'microscope', 9000), ('learnwell', 'course', 450);

CREATE TABLE orders (
  id INTEGER PRIMARY KEY, department TEXT, vendor TEXT, category TEXT, item TEXT, quantity INTEGER,
  amount REAL, day TEXT, key TEXT UNIQUE, status TEXT NOT NULL DEFAULT 'placed'
);
INSERT INTO orders (department, vendor, category, item, quantity, amount, day) VALUES
  ('it', 'nordtech', 'hardware', 'monitor', 5, 1500, '2026-11-10'),
  ('facilities', 'sitwell', 'furniture', 'chair', 3, 750, '2026-11-12'),
  ('research', 'labora', 'lab', 'centrifuge', 1, 12000, '2026-10-30'),
  ('hr', 'learnwell', 'training', 'course', 2, 900, '2026-09-01'),
  ('facilities', 'papyr', 'office', 'paper', 40, 200, '2026-11-14'),
  ('it', 'cloudline', 'software', 'crm licence', 20, 600, '2026-11-05'),
  ('marketing', 'fairgoods', 'office', 'banner', 1, 300, '2026-11-01'),
  ('research', 'labora', 'lab', 'reagent', 10, 1800, '2026-11-09');
