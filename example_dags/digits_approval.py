"""Nothing goes to production before a person has said yes: promote to staging, compare, ask, move production to what was shown.

The question is Airflow's own, with the buttons *Approve* and *Reject*, under **Browse > Required Actions** and at the task. Whoever
answers sees what is in the release, what it was judged by, and where to look. *Reject* leaves production where it is. Between staging
and the answer the tables may go on: production gets the release that was shown, by its name.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

from airflow_cv_dataops.operators.dataset_diff import DatasetDiffOperator
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator

# Markdown on the page: in backticks and on one line, the names of splits and metrics, which people choose, are text and nothing else.
BODY = """\
{% set staged, changed = ti.xcom_pull('stage'), ti.xcom_pull('diff') -%}
{% macro plain(name) %}`{{ name | replace('`', '') | replace('\\n', ' ') | replace('\\r', ' ') }}`{% endmacro -%}
**`{{ staged['release'] }}` of `{{ staged['dataset'] }}`** is at `{{ staged['stage'] }}`, which was at \
{{ staged['parent'] or 'no release' }}.

{% for name in ('images', 'annotations', 'partitions', 'partitions_left_out') -%}
- {{ name.replace('_', ' ') }}: {{ staged['counts'][name] }}
{% endfor -%}
{% for split, images in staged['counts']['splits'].items() -%}
- images in {{ plain(split) }}: {{ images }}
{% endfor %}
Compared with `{{ changed['from'] or 'nothing' }}`:

{% for what in ('images', 'labels') -%}
- {{ what }}: {{ changed['counts'][what]['added'] }} added, {{ changed['counts'][what]['removed'] }} removed\
{% if what == 'labels' %}, {{ changed['counts'][what]['changed'] }} changed{% endif %}
{% endfor %}
What it was asked:

{% for gate in staged['gates'] -%}
- {{ 'holds' if gate['passed'] else '**does not hold**' }}: \
{{ plain(gate.get('gate') or [gate['metric'], gate['op'], gate['wanted']] | join(' ')) }}, \
found {{ 'nothing' if gate['found'] is none else gate['found'] }}
{% endfor %}
What changed, picture by picture, is the link *Diff report* of the task `diff`, what the release is the link *Dataset card* of `stage`;
in a notebook it is
`open_dataset("{{ staged['dataset'] }}").release("{{ staged['release'] }}")`.
"""

with DAG(
    dag_id="digits_approval",
    description="From staging to production, if a person says yes",
    schedule=None,
    start_date=datetime(2026, 11, 1),
    catchup=False,
    max_active_runs=1,  # one question at a time, of the newest
    default_args={"retries": 1, "retry_delay": timedelta(seconds=30)},
    tags=["cv_dataops", "example"],
    doc_md=__doc__,
) as dag:
    stage = DatasetPromotionOperator(
        task_id="stage",
        dataset="digits",
        stage="staging",
        leave_out_unaudited=True,
        gates=["images >= 500", "findings.error == 0", "label_error_rate <= 0.15"],
    )

    diff = DatasetDiffOperator(
        task_id="diff",
        dataset="digits",
        before="production",
        after="{{ ti.xcom_pull('stage')['release'] }}",
        allow_missing_before=True,  # the first time there is nothing in production
    )
    ask = ApprovalOperator(
        task_id="ask",
        subject="May {{ ti.xcom_pull('stage')['release'] }} of digits go to production?",
        body=BODY,
        retries=0,  # a new try would ask again
    )
    promote = DatasetPromotionOperator(
        task_id="promote",
        dataset="digits",
        stage="production",
        release="{{ ti.xcom_pull('stage')['release'] }}",  # the one that was shown, whatever staging and the tables are at by now
    )

    stage >> diff >> ask >> promote
