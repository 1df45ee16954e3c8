"""What follows from what has happened: which steps begin now, and which never will."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from workflows.definitions.graph import Graph, Link
from workflows.definitions.steps import Definition


class Verdict(Enum):
    """How a step has ended. NOT: a condition that does not hold."""

    WELL = "well"
    NOT = "not"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(slots=True)
class Decision:
    begin: list[str] = field(default_factory=list)
    skip: list[str] = field(default_factory=list)


class Flow:
    """A definition with its links turned round: by step, who leads to it."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.graph = _graph_of(definition)
        self._before = self.graph.before()
        self._after_success: dict[str, list[str]] = {}
        self._after_failure: dict[str, list[str]] = {}
        for step in definition.steps.values():
            for target in step.on_success:
                self._after_success.setdefault(target, []).append(step.id)
            for target in step.on_failure:
                self._after_failure.setdefault(target, []).append(step.id)

    def decide(self, settled: Mapping[str, Verdict], begun: set[str]) -> Decision:
        """Say what to do about the steps that nothing has been decided about.

        A step is decided on once all that lead to it have ended, so that the order in
        which parallel steps end changes nothing.
        """
        decision, known = Decision(), dict(settled)
        waiting = [
            step
            for step in self.definition.steps
            if step not in known and step not in begun
        ]
        while True:
            left = []
            for step in waiting:
                if any(source not in known for source in self._before[step]):
                    left.append(step)
                elif self._may_begin(step, known):
                    decision.begin.append(step)
                else:
                    decision.skip.append(step)
                    known[step] = Verdict.SKIPPED
            if len(left) == len(waiting) or not left:
                return decision
            waiting = left

    def is_handled(self, step: str) -> bool:
        """Say whether something follows when the step fails."""
        return bool(self.definition.steps[step].on_failure)

    def _may_begin(self, step: str, known: Mapping[str, Verdict]) -> bool:
        ended = [known[each] for each in self.definition.steps[step].depends_on or ()]
        if ended and (Verdict.FAILED in ended or Verdict.WELL not in ended):
            return False
        after_success = self._after_success.get(step, [])
        after_failure = self._after_failure.get(step, [])
        if not after_success and not after_failure:
            return True
        return any(known[each] is Verdict.WELL for each in after_success) or any(
            known[each] in {Verdict.FAILED, Verdict.NOT} for each in after_failure
        )


def _graph_of(definition: Definition) -> Graph:
    graph = Graph(tuple(definition.steps))
    for step in definition.steps.values():
        graph.links += [Link(step.id, other, "success") for other in step.on_success]
        graph.links += [Link(step.id, other, "failure") for other in step.on_failure]
        graph.links += [
            Link(other, step.id, "dependency") for other in step.depends_on or ()
        ]
    return graph
