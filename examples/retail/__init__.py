"""Show a support desk on a larger shop: 500 users, 1,000 orders, its policy and recorded tasks."""
