"""Check purchase requests against policy, vendor and finance side by side, and place orders."""
