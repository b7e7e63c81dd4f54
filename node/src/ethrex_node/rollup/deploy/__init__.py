"""
The contracts on L1, from a plan. ``plan`` is the file, ``steps`` what follows from it, ``deployer`` carries it out,
``deployment`` is the file that it leaves for the node.
"""

from ethrex_node.rollup.deploy.deployer import Pending, Survey, carry_out, record, survey
from ethrex_node.rollup.deploy.deployment import Deployment, load
from ethrex_node.rollup.deploy.errors import DeployError, NotOwner, Occupied, PlanInvalid, Preflight, StepFailed
from ethrex_node.rollup.deploy.plan import Plan

__all__ = [
    "DeployError",
    "Deployment",
    "NotOwner",
    "Occupied",
    "Pending",
    "Plan",
    "PlanInvalid",
    "Preflight",
    "StepFailed",
    "Survey",
    "carry_out",
    "load",
    "record",
    "survey",
]
