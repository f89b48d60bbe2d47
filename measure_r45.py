import time, secrets, sys, tempfile
from pathlib import Path
import numpy as np
from edge_node.spec.architecture import UINT8_1M, UINT8_94K
from edge_node.spec.difference import hamming, weight_bits, WeightRecord
from edge_node.spec.proof.evolution import check_difference
from edge_node.chain.database import Database
from edge_node.chain.block_store import BlockStore
from edge_node.kernels.walker import *
from edge_node.inference.native import NativeBackend
from edge_node.primitives.types import NetworkId
from tests.spec.samples import random_model
def t(f, n=1):
    best=1e9
    for _ in range(n):
        a=time.process_time(); r=f(); best=min(best,time.process_time()-a)
    return best, r
for arch,name in ((UINT8_1M,"1.17M"),):
    models=[random_model(arch,str(i)) for i in range(64)]
    child=random_model(arch,"child")
    d=Path(tempfile.mkdtemp())/"c.db"
    db=Database(d, NetworkId(bytes(32)))
    bs=BlockStore(db)
    with db.transaction():
        for m in models:
            db.connection.execute("INSERT INTO model VALUES (?, ?)",(m.model_hash(),m.blob()))
    hs=[m.model_hash() for m in models]
    print("cold load 64", t(lambda:[bs.model(h) for h in hs])[0])
    print("warm load 64", t(lambda:[bs.model(h) for h in hs],5)[0])
    loaded=[bs.model(h) for h in hs]
    print("hamming to 64", t(lambda:check_difference(child,loaded,10),5)[0])
    print("model_hash", t(child.model_hash,3)[0], "weight_bits", t(lambda:weight_bits(child),3)[0])
    wr=WeightRecord(weight_count=arch.weight_count)
    print("noted", t(lambda:wr.noted(child),3)[0])
    size=sum(sys.getsizeof(w) for l in child.weights for w in l)+sum(sys.getsizeof(w) for l in child.thresholds for w in l)
    print("bytes of a decoded model", size)
    imgs=np.random.default_rng(1).integers(0,256,(10000,784),dtype=np.uint8)
    labs=np.random.default_rng(1).integers(0,10,10000,dtype=np.uint8)
    b=NativeBackend()
    print(b.describe())
    sl=t(lambda:b.count_correct(child,imgs,labs),2)
    print("count_correct 10,000", sl)
    bits=[weight_bits(m) for m in models]; cb=weight_bits(child)
    print("packed xor", t(lambda:[(cb^x).bit_count() for x in bits],5)[0])
    blob=models[0].blob()
    from edge_node.spec.encoding import decode
    from edge_node.spec.model import *
    from edge_node.spec.model import pack_weights, unpack_weights
    from edge_node.primitives.hashing import tagged_hash
    v=decode(blob,max_bytes=1<<20)
    print("decode", t(lambda:decode(blob,max_bytes=1<<20),3)[0])
    print("unpack", t(lambda:unpack_weights(arch,v[2]),3)[0])
    print("from_blob", t(lambda:model_from_blob(blob),3)[0])
    print("hash", t(lambda:models[0].model_hash(),3)[0], t(lambda:tagged_hash("model",blob),3)[0])
    print("arch", t(lambda:architecture_from_value(v[1]).shapes,3)[0])
