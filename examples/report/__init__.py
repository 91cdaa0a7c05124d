"""Write monthly reports: research, write, review in bounded rounds, and send after approval."""
