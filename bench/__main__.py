"""`python -m bench`: all benchmarks, one table each."""

from bench import main_job

main_job.main()
