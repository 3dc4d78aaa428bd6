"""What TensorFlow can train on."""


def devices() -> list[str]:
    """The kinds of its devices, such as "CPU" and "GPU"."""
    import tensorflow as tf

    return [device.device_type for device in tf.config.list_physical_devices()]
