"""Which step leads to which: cycles, steps nobody leads to, and an order to draw them in."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Link:
    """From one step to another: after `success`, after `failure`, or as `dependency`."""

    source: str
    target: str
    kind: str


@dataclass(slots=True)
class Graph:
    """The steps, in the order they were written, and all links between them."""

    steps: tuple[str, ...]
    links: list[Link] = field(default_factory=list)
    # Steps that begin with the run because they say so.
    begins: frozenset[str] = frozenset()

    def before(self) -> dict[str, set[str]]:
        """Return, by step, the steps that lead to it."""
        found: dict[str, set[str]] = {step: set() for step in self.steps}
        for link in self.links:
            found[link.target].add(link.source)
        return found

    def after(self) -> dict[str, set[str]]:
        """Return, by step, the steps that it leads to."""
        found: dict[str, set[str]] = {step: set() for step in self.steps}
        for link in self.links:
            found[link.source].add(link.target)
        return found

    def cycle(self) -> list[str]:
        """Return the steps of a cycle, the first once more at the end; empty: none."""
        left = self.before()
        ready = [step for step, sources in left.items() if not sources]
        after = self.after()
        while ready:
            step = ready.pop()
            del left[step]
            for target in after[step]:
                left[target].discard(step)
                if not left[target]:
                    ready.append(target)
        if not left:
            return []
        # Whoever is left has a source that is left: going back must meet itself.
        at = next(step for step in self.steps if step in left)
        seen: list[str] = []
        while at not in seen:
            seen.append(at)
            at = min(left[at])
        return [*reversed(seen[seen.index(at) :]), seen[-1]] if seen else []

    def unreachable(self) -> list[str]:
        """Return the steps that no run could come to.

        A run begins with the first step, with those that say `dependsOn: []`, and with
        those that others depend on and nothing leads to.
        """
        before, after = self.before(), self.after()
        awaited = {link.source for link in self.links if link.kind == "dependency"}
        waiting = [
            step
            for at, step in enumerate(self.steps)
            if not before[step] and (at == 0 or step in self.begins or step in awaited)
        ]
        # What stands in a cycle has that for its mistake.
        waiting += self.cycle()
        found = set(waiting)
        while waiting:
            for target in after[waiting.pop()]:
                if target not in found:
                    found.add(target)
                    waiting.append(target)
        return [step for step in self.steps if step not in found]

    def ancestors(self) -> dict[str, set[str]]:
        """Return, by step, all that come before it. The graph must have no cycle."""
        before = self.before()
        found: dict[str, set[str]] = {}
        for layer in self.layers():
            for step in layer:
                found[step] = set(before[step])
                for source in before[step]:
                    found[step] |= found[source]
        return found

    def layers(self) -> list[list[str]]:
        """Return the steps in columns to be drawn, each after all that lead to it."""
        left = self.before()
        after = self.after()
        layers: list[list[str]] = []
        ready = [step for step in self.steps if not left[step]]
        while ready:
            layers.append(ready)
            freed: set[str] = set()
            for step in ready:
                for target in after[step]:
                    left[target].discard(step)
                    if not left[target]:
                        freed.add(target)
            ready = [step for step in self.steps if step in freed]
        return layers

    def ends(self) -> list[str]:
        """Return the steps that lead nowhere."""
        after = self.after()
        return [step for step in self.steps if not after[step]]
