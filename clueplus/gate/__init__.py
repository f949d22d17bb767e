"""May it ship? A policy and a comparison make one verdict, which many writers show."""
