import torch

from gain_plugin.mm import VGG16LargeFOV


def test_grid_of_the_paper_and_names_of_torchvision():
    with torch.device('meta'):  # shapes only
        model = VGG16LargeFOV()
        (features,) = model(torch.empty(1, 3, 321, 321))
    assert features.shape == (1, 1024, 41, 41)
    import torchvision

    with torch.device('meta'):
        expected = torchvision.models.vgg16().features.state_dict()
    assert {name: value.shape for name, value in model.features.state_dict().items()} == {
        name: value.shape for name, value in expected.items()
    }
    # 15 of the 16 weight layers: VGG's 13, fc6 and fc7
    assert sum(isinstance(module, torch.nn.Conv2d) for module in model.modules()) == 15
