"""What every model promises. The tests of a new model inherit `ModelContract` and give configurations of it."""

import pickle
import sys

import numpy as np
import pytest

from sweep.models.model import Infeasible, Model
from sweep.models.parameters import with_training
from sweep.space.configuration import Configuration

IMAGE_SHAPE, CLASSES = (28, 28, 1), 10


class ModelContract:
    @classmethod
    def configurations(cls) -> list[Configuration]:
        """Configurations of one model that can exist on `IMAGE_SHAPE`, the default first."""
        raise NotImplementedError

    @classmethod
    def infeasible(cls) -> Configuration:
        """A configuration that cannot exist there."""
        raise NotImplementedError

    @pytest.fixture
    def model(self) -> Model:
        return self.configurations()[0].model

    def test_its_parameters_are_its_own_and_have_what_a_study_needs(self, model):
        training = set(with_training(()))
        names = [each.name for each in model.parameters]
        assert len(names) == len(set(names))
        assert not training & set(names)
        for place, each in enumerate(model.parameters):
            assert each.summary
            assert each.when is None or each.when.parent in {*names[:place], *training}
            assert not each.follows or each.follows in names[:place]

    def test_its_defaults_are_a_configuration_and_values_give_it_again(self, model):
        for each in self.configurations():
            assert Configuration.of(model, each.values()) == each
            assert each.replaced({}) == each
        assert Configuration.of(model, {}) == self.configurations()[0]

    def test_it_can_be_sent_to_a_worker(self, model):
        sent = pickle.loads(pickle.dumps(self.configurations()))
        assert sent == self.configurations()
        assert [each.model.digest for each in sent] == [model.digest] * len(sent)
        assert len({model, *(each.model for each in sent)}) == 1

    def test_what_it_builds_turns_raw_pixels_into_logits(self):
        images = np.random.default_rng(0).integers(0, 256, (3, *IMAGE_SHAPE)).astype(np.float32)
        for each in self.configurations():
            logits = np.asarray(each.build(IMAGE_SHAPE, CLASSES)(images, training=False))
            assert logits.shape == (3, CLASSES)
            assert not np.allclose(logits.sum(axis=-1), 1)  # no probabilities

    def test_what_it_inspects_is_what_it_builds(self):
        for each in self.configurations():
            built, seen = each.build(IMAGE_SHAPE, CLASSES), each.inspect(IMAGE_SHAPE, CLASSES)
            assert seen is None or seen.parameters == built.count_params()

    def test_two_builds_on_one_seed_agree(self):
        import keras

        def weights(configuration):
            keras.utils.clear_session()
            keras.utils.set_random_seed(3)
            return [np.asarray(each) for each in configuration.build(IMAGE_SHAPE, CLASSES).variables]

        for each in self.configurations():
            for one, other in zip(weights(each), weights(each), strict=True):
                np.testing.assert_array_equal(one, other)

    def test_a_network_that_cannot_exist_is_infeasible_with_a_sentence(self):
        with pytest.raises(Infeasible, match=r"\w+ \w+ \w+"):
            self.look_at(self.infeasible())

    def look_at(self, configuration: Configuration) -> None:
        if configuration.inspect(IMAGE_SHAPE, CLASSES) is None:
            configuration.build(IMAGE_SHAPE, CLASSES)


class ScriptContract(ModelContract):
    """In addition, of a model that can be exported."""

    def test_its_source_makes_the_same_network_with_a_softmax(self):
        import keras

        for each in self.configurations():
            made = {"keras": keras, "layers": keras.layers}
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(sys, "path", list(sys.path))
                exec(each.source(IMAGE_SHAPE, CLASSES, "float32"), made)
            written, built = made["model"], each.build(IMAGE_SHAPE, CLASSES)
            assert [tuple(weight.shape) for weight in written.weights] == [tuple(each.shape) for each in built.weights]
            written.set_weights(built.get_weights())
            images = np.random.default_rng(0).integers(0, 256, (3, *IMAGE_SHAPE)).astype(np.float32)
            expected = keras.ops.softmax(built(images, training=False))
            np.testing.assert_allclose(np.asarray(written(images, training=False)), np.asarray(expected), atol=1e-5)
