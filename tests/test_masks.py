from gain_plugin.masks import voc_palette


def test_palette_of_voc():
    """Background, aeroplane, cat, tvmonitor and the border, as in the development kit."""
    palette = voc_palette()
    colours = [palette[3 * value : 3 * value + 3] for value in (0, 1, 8, 20, 255)]
    assert colours == [[0, 0, 0], [128, 0, 0], [64, 0, 0], [0, 64, 128], [224, 224, 192]]
