from dataclasses import replace
from tests.spec import toy_market as market
from tests.spec.toy_market import *
from tests.spec.toy_chain import *
from tests.spec.stages import ALICE, CAROL
from edge_node.spec.transaction import commitment_to, ModelCommit
from edge_node.spec.proof.evolution_proof import ImportProof
from edge_node.spec.difference import hamming
from edge_node.spec import scheduling
from tests.spec.toy_chain import founded, assembled, Work
SALT=bytes(range(32))
net = market.network()
chain = market.uploaded().fork()
market.wait(chain, until=4)
# a family is founded by Carol on whichever dataset is due
market.grow(chain)
fams=list(chain.state.families.values()); print(len(fams))
theirs=chain.tip.models.model(fams[0].models[0].model_hash)
t=[list(l) for l in theirs.thresholds]; t[-1][0]+=1
mine=replace(theirs, thresholds=tuple(map(tuple,t)))
print("weights that differ:", hamming(mine,theirs), "of", mine.architecture.weight_count)
other=next(d for d in chain.state.datasets if d!=fams[0].dataset)
market.wait(chain, market.commit(commitment_to(mine.blob(), ALICE.key, SALT)))
market.wait(chain, until=chain.state.height+PARAMETERS.commit_delay_blocks)
work=Work(tip=chain.tip, miner=ALICE)
print(scheduling.turns(chain.state, chain.tip.parameters, work.rung).due_dataset==other)
fam=founded(work, mine.architecture, other)
m=assembled(work, fam, ImportProof(dataset=other, blob=mine.blob(), salt=SALT), mine)
print("correct", m.block.header.correct_count)
v=chain.tip.validate(m.block)
print("accepted; families:", len(v.state.families))
