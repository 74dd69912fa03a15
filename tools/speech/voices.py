"""Which voices are trained, and which are kept for the development and the test sets.

An unknown eSpeak variant is silently the base voice, so every name is checked against the
installed variants (`espeak.variants`) before it is used.
"""

# ruff: noqa: SIM905 - a list of words reads best as a text

BASES = ["gmw/en", "en-us", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc"]
SPANISH = ["es", "es-419"]

DEVELOPMENT = "f4 m6 Annie steph3 edward2 iven2".split()
FRESH = "Mario Nguyen antonio grandpa gustave miguel pedro Gene2".split()
SCOTTISH = "en-gb-scotland"
TEST_BASES = ["en-us", "gmw/en", SCOTTISH]
UNSEEN_FLITE = "rms"

TRAINED = [
    "",
    *"m1 m2 m3 m4 m5 m7 m8 f1 f2 f3 f5".split(),
    *"Andy Alex Alicia Andrea Denis Diogo Gene Henrique Hugo Jacky Lee Marco Mike Michael".split(),
    *"steph steph2 belinda benjamin boris caleb david ed edward john kaukovalta linda max".split(),
    *"michel norbert paul pablo quincy rob robert sandro travis victor zac klatt klatt2".split(),
    *"aunty grandma adam iven marcelo shelby anika".split(),
    *"AnxiousAndy RicishayMax RicishayMax2 Storm Tweaky announcer iven3 iven4 klatt3".split(),
    *"klatt4 klatt5 klatt6 anikaRobot UniRobot robosoft3 robosoft5 croak".split(),
]
FLITE = {"awb": 4, "slt": 4, "kal16": 1, "kal": 1}
"""Flite's trained voices and how often each is drawn."""

FESTIVAL = {"ked_diphone": 3, "kal_diphone": 1, "cmu_us_slt_arctic_hts": 3}
"""Festival's trained voices and how often each is drawn."""
