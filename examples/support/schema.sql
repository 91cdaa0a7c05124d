CREATE TABLE shop (day TEXT NOT NULL);
CREATE TABLE customers (
    email TEXT PRIMARY KEY, name TEXT NOT NULL, address TEXT NOT NULL, joined TEXT NOT NULL
);
CREATE TABLE products (
    sku TEXT PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price INTEGER NOT NULL,
    warranty_months INTEGER NOT NULL, words TEXT NOT NULL
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL REFERENCES customers (email),
    placed TEXT NOT NULL, address TEXT NOT NULL, total INTEGER NOT NULL
);
CREATE INDEX orders_by_customer ON orders (email, placed);
CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id), sku TEXT NOT NULL REFERENCES products (sku),
    quantity INTEGER NOT NULL, price INTEGER NOT NULL, PRIMARY KEY (order_id, sku)
);
CREATE TABLE payments (
    id TEXT PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id),
    kind TEXT NOT NULL CHECK (kind IN ('charge', 'refund')), amount INTEGER NOT NULL,
    method TEXT NOT NULL, created TEXT NOT NULL
);
CREATE INDEX payments_by_order ON payments (order_id);
CREATE TABLE shipments (
    order_id INTEGER PRIMARY KEY REFERENCES orders (id),
    status TEXT NOT NULL CHECK (status IN ('placed', 'shipped', 'delayed', 'lost', 'delivered')),
    carrier TEXT, tracking TEXT, shipped TEXT, due TEXT NOT NULL, delivered TEXT
);
CREATE TABLE refunds (
    id INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL REFERENCES orders (id),
    amount INTEGER NOT NULL, reason TEXT NOT NULL, status TEXT NOT NULL, created TEXT NOT NULL
);
CREATE TABLE returns (
    id INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL REFERENCES orders (id),
    items TEXT NOT NULL, reason TEXT NOT NULL, status TEXT NOT NULL, created TEXT NOT NULL
);
CREATE TABLE address_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL REFERENCES orders (id),
    address TEXT NOT NULL, previous TEXT NOT NULL, status TEXT NOT NULL, created TEXT NOT NULL
);
CREATE TABLE resends (
    id INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL REFERENCES orders (id),
    status TEXT NOT NULL, created TEXT NOT NULL
);
