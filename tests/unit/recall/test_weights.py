"""What a Recall of other weights does."""

from memos.recall.evidence import EvidenceWeights
from memos.recall.search import Recall
from tests.support.text import LANE, open_twins, work, write


def test_the_weights_of_the_evidence_are_those_that_were_given() -> None:
    stores = open_twins()
    write(stores, work("j1", "Ana keeps two cats", "Ana plays the violin"))
    recall = Recall(stores, weights=EvidenceWeights(dense=0.0, text=5.0))
    (hit, *_) = recall.search(LANE.tenant, [LANE.cube], "violin", top_k=2).hits
    (usual, *_) = Recall(stores).search(LANE.tenant, [LANE.cube], "violin", top_k=2).hits
    assert hit.parts["dense"] == 0.0 != usual.parts["dense"]
    assert hit.parts["text"] > 5 * usual.parts["text"]
