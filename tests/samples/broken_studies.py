"""Study files that are wrong: each with the lines of its problems and a part of each message (or a pattern)."""

NAME = 'name = "mine"\n'
RATE = "[space]\nlearning_rate = [0.001, 0.01]\n"

BROKEN = {
    # What is no TOML: the parser stops at the first of these.
    "no quotes": ("name = mine\n" + RATE, [(1, "Invalid value, at column 8 of 'name = mine'")]),
    "open quotes": ('name = "mine\n' + RATE, [(1, "Illegal character")]),
    "open bracket of a table": (NAME + "[space\nepochs = [1]", [(2, "Expected ']'")]),
    "open array": (
        NAME + "[space]\nepochs = [1,\n2\n\nbatch_size = [3]",
        [(6, "Unclosed array, .* It begins on line 3.")],
    ),
    "open array at the end": (NAME + "[space]\nepochs = [1, 2", [(3, "Unclosed array, at end of document")]),
    "open inline table": (NAME + "[space]\nepochs = { low = 1, high = 2\n", [(3, "Unclosed inline table")]),
    "open text of many lines": (
        NAME + 'description = """\n' + RATE,
        [(4, "Unterminated string, .* It begins on line 2.")],
    ),
    "no equals sign": (NAME + "trials 5\n" + RATE, [(2, "Expected '=' after a key")]),
    "no value": (NAME + "trials =\n" + RATE, [(2, "Invalid value")]),
    "leading zero": (NAME + "trials = 05\n" + RATE, [(2, "Expected newline")]),
    "two values": (NAME + "trials = 5 6\n" + RATE, [(2, "Expected newline")]),
    "Python's True": (NAME + "[space]\nrescale = [True]", [(3, "Invalid value")]),
    "a comma for a point": (NAME + "[space]\ndropout = { low = 0,1, high = 1 }", [(3, "Invalid|Expected|Unclosed")]),
    "a key twice": (NAME + NAME + RATE, [(2, "Cannot overwrite a value")]),
    "a parameter twice": (NAME + RATE + "learning_rate = [1]\n", [(4, "Cannot overwrite a value")]),
    "space twice": (NAME + RATE + RATE, [(4, r"Cannot declare \('space',\) twice")]),
    "a key that is a table too": (NAME + "space.epochs = [1]\n" + RATE, [(3, "Cannot")]),
    "null character": (NAME + "# \0\n" + RATE, [(2, r"'\\x00'")]),
    "Markdown": ("# Title\n\nSome *words*.\n", [(3, "Expected '='")]),
    "JSON": ('{"name": "mine"}', [(1, "Invalid statement")]),
    "YAML": ("# c\nname: mine\n", [(2, "Expected '='")]),
    "INI": ("[study]\nname=mine\n", [(2, "Invalid value")]),
    "a carriage return": (NAME + "\rtrials = 3\n" + RATE, [(2, "Invalid statement")]),
    "a separator that is no line end": (NAME + "# a\u2028b\x85c\ntrials = x\n" + RATE, [(3, "Invalid value")]),
    "too many digits": (NAME + f"trials = {'9' * 5000}\n" + RATE, [(2, "thousands of digits")]),
    "too many brackets": (NAME + RATE + f"epochs = {'[' * 5000}{']' * 5000}\n", [(4, "nested hundreds of times")]),
    "too many parts": (NAME + RATE + "a" + ".b" * 100 + " = 1\n", [(4, "has more than 100 parts")]),
    "too many parts of a table": (NAME + RATE + "[" + "a . " * 100 + "b]\n", [(4, "has more than 100 parts")]),
    "too many parts in quotes": (
        NAME + RATE + "a.'b'." + r'"\"".' * 100 + "b = 1\n",
        [(4, "has more than 100 parts")],
    ),
    "as many parts as a key may have": (NAME + RATE + "[a" + ".b" * 99 + "]\n", [(4, "Unknown key 'a'")]),
    # Keys of a study.
    "empty": ("", [(0, "name is missing"), (0, "space is missing")]),
    "comments alone": ("# nothing\n\n", [(0, "name is missing"), (0, "space is missing")]),
    "no name": (RATE, [(0, r"name is missing \(name in the database and on pages\)\.")]),
    "no space": (NAME, [(0, r"space is missing \(what varies: a range or choices each\)\.")]),
    "unknown key": (NAME + "\ntrails = 5\n" + RATE, [(3, "Unknown key 'trails'. Did you mean 'trials'?")]),
    "unknown key in capitals": (NAME + "SEED = 5\n" + RATE, [(2, "Did you mean 'seed'?")]),
    "unknown key unlike any": (NAME + "x = 5\n" + RATE, [(2, "Unknown key 'x'. Allowed: base, build, color, data,")]),
    "unknown table": (NAME + RATE + "[options]\nverbose = true\n", [(4, "Unknown key 'options'. Allowed: base")]),
    "misspelt table": (NAME + "[spaec]\nepochs = [1]\n", [(0, "space is missing"), (2, "Did you mean 'space'?")]),
    "a key with a dot": (NAME + "trials.most = 5\n" + RATE, [(2, "trials must be a whole number")]),
    "an empty key": ('"" = 1\n' + NAME + RATE, [(1, "Unknown key ''")]),
    "a key of Python's": (NAME + "self = 1\n" + RATE, [(2, "Unknown key 'self'")]),
    "a key of pydantic's": (NAME + "model_config = 1\n" + RATE, [(2, "Unknown key 'model_config'")]),
    "a very long key": (NAME + "x" * 5000 + " = 1\n" + RATE, [(2, r"Unknown key 'x{70,80}\.\.\.")]),
    "a parameter at the top": (
        NAME + "epochs = 5\n" + RATE,
        [(2, r"epochs is a parameter: it belongs under \[space\] to vary, or under \[base\] to be set.")],
    ),
    "a misspelt parameter at the top": (NAME + "epoch = 5\n" + RATE, [(2, "Unknown key 'epoch'")]),
    "a number for a name": ("name = 3\n" + RATE, [(1, "name must be 1 to 64 of a-z.*, not 3.")]),
    "an empty name": ('name = ""\n' + RATE, [(1, "name must be .*, not ''")]),
    "a name with a space": ('name = "a b"\n' + RATE, [(1, "name must be .*, not 'a b'")]),
    "a name with an accent": ('name = "été"\n' + RATE, [(1, "name must be .*, not 'été'")]),
    "a name with a newline": ('name = "a\\n"\n' + RATE, [(1, "name must be")]),
    "a name that climbs": ('name = "../a"\n' + RATE, [(1, "name must be")]),
    "a long name": (f'name = "{"x" * 65}"\n' + RATE, [(1, "name must be")]),
    "a very long name": (f'name = "{"x" * 9000}"\n' + RATE, [(1, r"not 'x{70,80}\.\.\.\.$")]),
    "a long description": (NAME + f'description = "{"x" * 201}"\n' + RATE, [(2, "one line of at most 200")]),
    "a description of two lines": (NAME + 'description = """a\nb"""\n' + RATE, [(2, "one line of at most 200")]),
    "no data": (NAME + 'data = ""\n' + RATE, [(2, "data must be a dataset's name or path, not ''")]),
    "a list of data": (NAME + 'data = ["mnist"]\n' + RATE, [(2, "data must be")]),
    "negative validation": (
        NAME + "validation = -1\n" + RATE,
        [(2, "validation must be a whole number from 1 .*, not -1")],
    ),
    "a float for validation": (NAME + "validation = 10000.0\n" + RATE, [(2, "validation must be .*, not 10000.0")]),
    "no images": (NAME + "train_size = 0\n" + RATE, [(2, "train_size must be .*, not 0")]),
    "a bool for trials": (NAME + "trials = true\n" + RATE, [(2, "trials must be .*, not True")]),
    "a word for trials": (NAME + 'trials = "ten"\n' + RATE, [(2, "trials must be .*, not 'ten'")]),
    "digits in quotes": (NAME + 'trials = "10"\n' + RATE, [(2, "trials must be .*, not '10'")]),
    "infinite trials": (NAME + "trials = inf\n" + RATE, [(2, "trials must be .*, not inf")]),
    "trials beyond counting": (NAME + "trials = 1_000_000_000_000\n" + RATE, [(2, "trials must be .* to 1000000000,")]),
    "a hexadecimal monster": (NAME + f"trials = 0x{'f' * 5000}\n" + RATE, [(2, "not a very large int")]),
    "a date for a seed": (NAME + "seed = 1979-05-27\n" + RATE, [(2, "seed must be .*, not 1979-05-27")]),
    "a time for a seed": (NAME + "seed = 07:32:00\n" + RATE, [(2, "seed must be .*, not 07:32:00")]),
    "a seed too large": (
        NAME + "seed = 4294967296\n" + RATE,
        [(2, "seed must be a whole number from 0 to 4294967295")],
    ),
    "unknown sampler": (
        NAME + 'sampler = "gird"\n' + RATE,
        [(2, "sampler must be tpe, .*, not 'gird'. Did you mean 'grid'?")],
    ),
    "a sampler in capitals": (NAME + 'sampler = "TPE"\n' + RATE, [(2, "Did you mean 'tpe'?")]),
    "a list of samplers": (NAME + 'sampler = ["tpe"]\n' + RATE, [(2, r"sampler must be tpe, .*, not \['tpe'\]\.")]),
    "unknown pruner": (
        NAME + 'pruner = "medium"\n' + RATE,
        [(2, "pruner must be asha, none, .* Did you mean 'median'?")],
    ),
    "half precision": (
        NAME + 'precision = "float16"\n' + RATE,
        [(2, "precision must be auto, float32 or bfloat16, not 'float16'. Did you mean 'bfloat16'?")],
    ),
    "no pruner in Python's way": (NAME + "pruner = false\n" + RATE, [(2, "pruner must be asha, none, .*, not False.")]),
    # [space] as a whole.
    "space is a number": (
        NAME + "space = 3",
        [(2, "space must be a table with at least one parameter, not 3. For ex")],
    ),
    "space is a list": (NAME + "space = []", [(2, r"space must be a table .*, not \[\]")]),
    "space is a list of tables": (
        NAME + "[[space]]\nepochs = [1]",
        [(2, r"space must be a table .*, not \[\{'epochs'")],
    ),
    "space is empty": (NAME + "\n[space]\n", [(3, "space must be a table .*, not an empty one")]),
    "unknown parameter": (
        NAME + "[space]\nlearing_rate = [1]",
        [(3, r"Unknown parameter 'learing_rate' in \[space\]\. Did you mean 'learning_rate'\?")],
    ),
    "unknown parameter in quotes": (NAME + '[space]\n"my rate" = [1]', [(3, "Unknown parameter 'my rate' in")]),
    "a block too many": (NAME + "[space]\nconv6_filters = [1]", [(3, "Unknown parameter 'conv6_filters'")]),
    "a key under space": (
        NAME + RATE + "trials = 5",
        [(4, r"trials is a key of the study, not a parameter: move it to the top, above every \[table\]")],
    ),
    # Ranges.
    "a number for a range": (
        NAME + "[space]\nepochs = 5",
        [(3, r"epochs must be a range or a list of choices, not 5\. For example: epochs = \{ low = 1, high = 4 \}")],
    ),
    "a word for a range": (NAME + '[space]\npadding = "same"', [(3, r'For example: padding = \["valid", "same"\]')]),
    "a range of words": (
        NAME + "[space]\noptimizer = { low = 1, high = 2 }",
        [(3, "optimizer takes a list of choices")],
    ),
    "a range of bools": (NAME + "[space]\nrescale = { low = 0, high = 1 }", [(3, "rescale takes a list of choices")]),
    "no high": (NAME + "[space]\nepochs = { low = 1 }", [(3, "The range of epochs has no 'high'")]),
    "no ends": (NAME + "[space]\nepochs = {}", [(3, "has no 'low'"), (3, "has no 'high'")]),
    "min and max": (
        NAME + "[space]\nepochs = { min = 1, max = 2 }",
        [(3, "Unknown key 'min'"), (3, "Unknown key 'max'"), (3, "no 'low'"), (3, "no 'high'")],
    ),
    "a misspelt key of a range": (
        NAME + "[space]\nepochs = { low = 1, high = 9, stepp = 2 }",
        [(3, "Unknown key 'stepp' in the range of epochs. Did you mean 'step'?")],
    ),
    "low above high": (
        NAME + "[space]\nepochs = { low = 9, high = 2 }",
        [(3, "low of epochs must be below high, not 9 ag")],
    ),
    "low equals high": (NAME + "[space]\nepochs = { low = 2, high = 2 }", [(3, "low of epochs must be below high")]),
    "negative epochs": (
        NAME + "[space]\nepochs = { low = -3, high = 5 }",
        [(3, "low of epochs must be a whole number from 1 to 1000, not -3")],
    ),
    "halves of epochs": (
        NAME + "[space]\nepochs = { low = 1, high = 2.5 }",
        [(3, "high of epochs must be .*, not 2.5")],
    ),
    "words for ends": (
        NAME + '[space]\nepochs = { low = "1", high = "9" }',
        [(3, "low of epochs"), (3, "high of epochs")],
    ),
    "a bool for an end": (
        NAME + "[space]\nepochs = { low = true, high = 9 }",
        [(3, "low of epochs must be .*, not True")],
    ),
    "NaN and infinity": (
        NAME + "[space]\nlearning_rate = { low = nan, high = inf }",
        [(3, "low of learning_rate must be .*, not nan"), (3, "high of learning_rate must be .*, not inf")],
    ),
    "beyond floating point": (NAME + "[space]\nlearning_rate = [1e999]", [(3, "learning_rate must be .*, not inf")]),
    "log from nought": (
        NAME + "[space]\ndropout = { low = 0.0, high = 0.5, log = true }",
        [(3, "dropout is on a log scale, so low must be above 0, not 0.0")],
    ),
    "log and step": (
        NAME + "[space]\nepochs = { low = 1, high = 9, log = true, step = 2 }",
        [(3, "has both log and step")],
    ),
    "log is a number": (
        NAME + "[space]\nepochs = { low = 1, high = 9, log = 1 }",
        [(3, "log must be true or false, not 1")],
    ),
    "step of nought": (
        NAME + "[space]\nepochs = { low = 1, high = 9, step = 0 }",
        [(3, "step of epochs must be a whole .*, not 0")],
    ),
    "a step back": (
        NAME + "[space]\ndropout = { low = 0, high = 0.5, step = -0.1 }",
        [(3, "step of dropout must be a number above 0")],
    ),
    "half a step": (
        NAME + "[space]\nepochs = { low = 1, high = 9, step = 1.5 }",
        [(3, "step of epochs must be a whole")],
    ),
    "a step too wide": (
        NAME + "[space]\nepochs = { low = 1, high = 9, step = 20 }",
        [(3, "is 20, wider than its range")],
    ),
    "a step too fine": (
        NAME + "[space]\ndropout = { low = 0, high = 0.5, step = 1e-300 }",
        [(3, "more than 10000 values")],
    ),
    "a step of NaN": (
        NAME + "[space]\ndropout = { low = 0, high = 0.5, step = nan }",
        [(3, "step of dropout must be .*, not nan")],
    ),
    "no choices": (NAME + "[space]\nepochs = []", [(3, "epochs lists no choices. For example")]),
    "a choice twice": (NAME + "[space]\nlearning_rate = [0.1, 1, 1.0]", [(3, "learning_rate lists 1.0 twice")]),
    "mixed choices": (
        NAME + '[space]\nepochs = [1, "two", 3.0, true, [4], {}]',
        [(3, "not 'two'"), (3, "not 3.0"), (3, "not True"), (3, r"not \[4\]"), (3, r"not \{\}")],
    ),
    "bools for a number": (NAME + "[space]\ndropout = [false, true]", [(3, "not False"), (3, "not True")]),
    "numbers for a bool": (
        NAME + "[space]\nrescale = [0, 1]",
        [(3, "rescale must be true or false, not 0"), (3, "not 1")],
    ),
    "a misspelt word": (NAME + '[space]\noptimizer = ["adamm"]', [(3, "not 'adamm'. Did you mean 'adam'?")]),
    # What does not go together.
    "a block that never exists": (
        NAME + "[space]\nconv3_filters = [8]",
        [(3, "conv3_filters never exists in this study: it needs extra_blocks >= 1. Vary or set extra_blocks")],
    ),
    "momentum without sgd": (
        NAME + '[space]\noptimizer = ["adam", "adamw"]\nmomentum = [0.9]',
        [(4, "momentum never exists in this study: it needs optimizer = 'sgd'")],
    ),
    "a warmup without its schedule": (
        NAME + '[space]\nschedule = ["constant", "exponential"]\nwarmup = [0.1]',
        [(4, "warmup never exists in this study: it needs schedule = 'cosine' or 'warm-hold-cool'. Vary or set sched")],
    ),
    "a condition behind another": (
        NAME + "[space]\npool3_stride = [1]\npool3_size = [2]",
        [(3, "needs extra_blocks >= 1 and pool3_size >= 1"), (4, "pool3_size never exists")],
    ),
    # Conditions of a study.
    "an unknown parent": (
        NAME + '[space]\ndense_units = [64, 128]\ndropout = { low = 0, high = 0.5, when = "dense_unit >= 128" }',
        [(4, "when of dropout names 'dense_unit': no such parameter. Did you mean 'dense_units'?")],
    ),
    "an unknown parent in a table of its own": (
        NAME + '[space.dropout]\nchoices = [0.1]\nwhen = "x = 1"',
        [(4, "when of dropout names 'x': no such parameter. Allowed: batch_norm")],
    ),
    "a condition on itself": (
        NAME + '[space]\ndropout = { choices = [0.1, 0.5], when = "dropout >= 0.2" }',
        [(3, "dropout depends on itself: dropout -> dropout.")],
    ),
    "conditions in a circle": (
        NAME + '[space]\ndense_units = { choices = [64, 128], when = "dropout >= 0.2" }\n'
        'dropout = { low = 0, high = 0.5, when = "padding = same" }\n'
        'padding = { choices = ["valid", "same"], when = "dense_units >= 128" }',
        [(3, "dense_units depends on itself: dense_units -> dropout -> padding -> dense_units.")],
    ),
    "a circle with a condition of the model": (
        NAME + '[space]\nconv3_filters = [8]\nextra_blocks = { choices = [0, 1], when = "conv3_filters >= 8" }',
        [(4, "extra_blocks depends on itself: extra_blocks -> conv3_filters -> extra_blocks.")],
    ),
    "conditions that compare nothing": (
        NAME + '[space]\ndropout = { choices = [0.1], when = "deep" }\nbatch_size = { choices = [8], when = 3 }\n'
        'padding = { choices = ["same"], when = "dense_units < 9" }\nrescale = { choices = [true], when = ">= 2" }',
        [(line, "must compare one parameter with one value, as in when = ") for line in (3, 4, 5, 6)],
    ),
    "conditions that ask for what cannot be": (
        NAME + '[space]\ndropout = { choices = [0.1], when = "optimizer = sdg" }\n'
        'batch_size = { choices = [8], when = "optimizer >= sgd" }\n'
        'padding = { choices = ["same"], when = "dense_units >= 8 and dropout >= 0.1" }\n'
        'epochs = { choices = [1, 2], when = "dense_units >= 8" }',
        [
            (3, "when of dropout can never hold: optimizer must be one of .* Did you mean 'sgd'?"),
            (4, "when of batch_size needs a number before >=, and optimizer is one of"),
            (5, "when of padding can never hold: dense_units must be a whole number"),
            (6, "epochs takes no condition"),
        ],
    ),
    "a condition that never holds": (
        NAME + '[space]\ndense_units = [64, 128]\ndropout = { choices = [0.1], when = "dense_units >= 512" }\n'
        'rescale = { choices = [true], when = "dropout = 0.5" }',
        [
            (4, "dropout never varies in this study: it needs dense_units >= 512. Vary or set dense_units"),
            (5, "rescale never varies .* needs dense_units >= 512 and dropout = 0.5. Vary or set dropout"),
        ],
    ),
    "choices beside a range": (
        NAME + '[space]\ndropout = { choices = [0.1, 2], log = true }\npadding = { choices = "same" }\n'
        "batch_size = { choices = [0] }",
        [
            (3, "Unknown key 'log' beside the choices of dropout"),
            (4, "choices of padding must be a list, not 'same'"),
            (5, "batch_size must be a whole number from 1"),
        ],
    ),
    # Limits.
    "limits that are no table": (NAME + "limits = 5\n" + RATE, [(2, "limits must be a table of parameters, flops or")]),
    "limits that are no numbers": (
        NAME + "[limits]\nparameter = 5\nflops = 0\nbytes = 1.5\nparameters = 'few'\n" + RATE,
        [
            (3, r"Unknown key 'parameter' in \[limits\]. Did you mean 'parameters'?"),
            (4, "flops must be a whole number from 1 to 1000000000000000, not 0"),
            (5, "bytes must be a whole number"),
            (6, "parameters must be a whole number .* not 'few'"),
        ],
    ),
    "a continuous grid": (
        NAME + 'sampler = "grid"\n[space]\nepochs = [1]\ndropout = { low = 0, high = 0.5 }',
        [(5, "dropout is continuous, which the grid sampler cannot walk")],
    ),
    "cmaes without the baseline": (
        NAME + 'sampler = "cmaes"\n[space]\nlearning_rate = { low = 0.1, high = 1 }\nepochs = [5]',
        [(3, r"The cmaes sampler needs the baseline inside .*learning_rate = 0.0001 is outside.*\[base\]")],
    ),
    "gp without the baseline": (NAME + 'sampler = "gp"\n' + RATE, [(3, "The gp sampler needs the baseline inside")]),
    "qmc beside the step": (
        NAME + 'sampler = "qmc"\n[space]\ndropout = { low = 0.05, high = 0.5, step = 0.1 }',
        [(3, "but dropout = 0.2 is outside")],
    ),
    # [base].
    "base is a number": (
        NAME + "base = 3\n" + RATE,
        [(2, "base must be a table .* or the path of a TOML file .*, not 3")],
    ),
    "base is no file": (NAME + 'base = "tutorial"\n' + RATE, [(2, "tutorial: cannot be read: No such file")]),
    "a range under base": (NAME + "[base]\nepochs = [1, 2]\n" + RATE, [(3, r"epochs must be .*, not \[1, 2\]")]),
    "unknown parameter of base": (NAME + "[base]\nepoch = 1\n" + RATE, [(3, r"in \[base\]. Did you mean 'epochs'")]),
    "a key under base": (NAME + "[base]\nseed = 1\n" + RATE, [(3, "seed is a key of the study")]),
    "momentum of adam": (
        NAME + "[base]\nmomentum = 0.5\n" + RATE,
        [(3, "momentum has no effect here: it exists only where optimizer = 'sgd'. A value for there may stand")],
    ),
    # Where things stand.
    "Windows line ends": ("name = 3\r\n\r\n[space]\r\nepochs = 5\r\n", [(1, "name must be"), (4, "epochs must be")]),
    "an array of many lines": (
        NAME + "[space]\nlearning_rate = [\n  0.1,  # low\n\n  # high\n  99,\n  0.2, 0.1,\n]\nepochs = 0\n",
        [(7, "not 99"), (8, "lists 0.1 twice"), (10, "epochs must be")],
    ),
    "a table of its own": (
        NAME + "[space.epochs]\nlow = 1\n\nhigh = 'x'\n[space.dropout]\nlow = 0.1\n",
        [(5, "high of epochs must be"), (6, "The range of dropout has no 'high'")],
    ),
    "dotted keys": (NAME + "space.epochs.low = 0\nspace.epochs.high = 5000\n", [(2, "not 0"), (3, "not 5000")]),
    "a table in a table": (NAME + "space = { epochs = { low = 0, high = 5 } }\n", [(2, "low of epochs must be")]),
    "text of many lines before": (
        "name = 'mine'\ndescription = '''\n[space]\ntrials = 0\n'''\ntrials = 0\n" + RATE,
        [(2, "one line"), (6, "trials must be")],
    ),
    "everything at once": (
        """name = "?"
trials = 0
smapler = "tpe"
seed = -1

[base]
epochs = 0

[space]
trials = 3
dropout = [1.5]
epochs = { low = 3 }
optimizer = ["adam", "sdg"]
""",
        [
            (1, "name must be"),
            (2, "trials must be"),
            (3, "Did you mean 'sampler'"),
            (4, "seed must be"),
            (7, "epochs must be"),
            (10, "trials is a key of the study"),
            (11, "not 1.5"),
            (12, "no 'high'"),
            (13, "Did you mean 'sgd'"),
        ],
    ),
}
