"""What people are told without having asked: each rule finds its news, twice a minute."""
