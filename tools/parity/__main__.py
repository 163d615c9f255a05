"""`python -m tools.parity SUITE --suite FOLDER [TEST]…`: run SUITE from a checkout against our server and the real Apache Kafka."""
import sys
from pathlib import Path
from tools.parity.suites import SUITES
from tools.parity.client_environment import python_for
from tools.parity.servers import our_server, real_kafka
from tools.parity.run import run_suite
import json
suite = SUITES[sys.argv[1]]; folder = Path(sys.argv[2]); which=sys.argv[3]
python = python_for(suite, suite.version(folder))
with our_server(suite.config) if which == "ours" else real_kafka({**suite.config, **suite.kafka_config}) as address:
    r = run_suite(suite, folder, python, address, sys.argv[4:])
