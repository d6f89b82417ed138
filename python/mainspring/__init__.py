"""What must be Python in Mainspring.

- `mainspring.airflow`: a small front end that reads and runs Airflow DAG files
  with no Airflow installed.
- `python -m mainspring.parse_dag`: a DAG file as JSON.
- `python -m mainspring.run_task`: one attempt of one task.
- `python -m mainspring.model_worker`: an MLflow model behind a socket.

Only the standard library is imported here; MLflow and pandas come from the
user's own environment, and only in the model worker.
"""
