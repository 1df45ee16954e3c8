"""What people are told without having asked: each rule finds its news, once a minute."""
