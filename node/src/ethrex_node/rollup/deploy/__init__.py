"""
The contracts on L1, from a plan. ``plan`` is the file, ``steps`` what follows from it, ``deployer`` carries it out,
``verification`` compares code, ``deployment`` is the file that is left for the node.
"""

from ethrex_node.rollup.deploy.deployer import Pending, Survey, carry_out, record, survey
from ethrex_node.rollup.deploy.deployment import Deployment, load
from ethrex_node.rollup.deploy.errors import (
    Absent,
    DeployError,
    ForeignCode,
    NotOwner,
    Occupied,
    PlanInvalid,
    Preflight,
    Settled,
    StepFailed,
)
from ethrex_node.rollup.deploy.plan import Plan
from ethrex_node.rollup.deploy.steps import contracts_of
from ethrex_node.rollup.deploy.verification import Verified, compare

__all__ = [
    "Absent",
    "DeployError",
    "Deployment",
    "ForeignCode",
    "NotOwner",
    "Occupied",
    "Pending",
    "Plan",
    "PlanInvalid",
    "Preflight",
    "Settled",
    "StepFailed",
    "Survey",
    "Verified",
    "carry_out",
    "compare",
    "contracts_of",
    "load",
    "record",
    "survey",
]
