import numpy as np
import pytest

from gain_plugin.readers import draw_mask, read_coco

SQUARE = {'id': 1, 'image_id': 9, 'category_id': 7, 'bbox': [1, 1, 2, 2], 'segmentation': [[1, 1, 3, 1, 3, 3, 1, 3]]}


def content(*annotations, **changes):
    images = [{'id': 9, 'file_name': 'a/1.jpg', 'height': 6, 'width': 8}, {'id': 4, 'file_name': 'b/1.jpg'}]
    categories = [{'id': 7, 'name': 'hot dog'}, {'id': 2, 'name': 'cat'}]
    return {'images': images, 'categories': categories, 'annotations': list(annotations), **changes}


def test_ids_with_holes_and_the_same_name_in_two_folders(tmp_path, write):
    found = read_coco(write('instances.json', content(SQUARE, {**SQUARE, 'category_id': 2, 'iscrowd': 1})))
    assert found.root == tmp_path
    assert found.classes == ('cat', 'hot dog')
    assert [(one.name, one.labels) for one in found.photos] == [('a/1.jpg', (0, 1)), ('b/1.jpg', ())]
    object_, crowd = found.photos[0].regions
    assert (object_.label, object_.box, crowd.label) == (1, (1, 1, 3, 3), None)
    assert found.photos[1].regions == ()
    assert [one.size for one in found.photos] == [(6, 8), None]
    assert read_coco(tmp_path / 'instances.json', tmp_path / 'photos').root == tmp_path / 'photos'


def test_mask_of_polygons_codes_boxes_and_crowds(write):
    pytest.importorskip('pycocotools')
    size = (6, 8)
    large = {**SQUARE, 'category_id': 2, 'bbox': [0, 0, 6, 4], 'segmentation': []}  # a box alone
    # column by column: the last two columns
    crowd = {**SQUARE, 'iscrowd': 1, 'segmentation': {'size': size, 'counts': [5 * 6, 3 * 6]}}
    (photo, _) = read_coco(write('instances.json', content(SQUARE, large, crowd))).photos
    expected = np.zeros(size, np.uint8)
    expected[:, 5:] = 255
    expected[:4, :6] = 1  # a cat's box, above the crowd
    boxes = expected.copy()
    expected[1:3, 1:3] = 2  # the small hot dog above the cat
    assert draw_mask(photo, size, 2).tolist() == expected.tolist()
    boxes[:, 5:][4:], boxes[:3, 6:], boxes[3:, 6:] = 0, 0, 0  # the crowd's box is hidden below the hot dog's
    boxes[1:3, 1:3] = 2
    assert draw_mask(photo, size, 2, boxes=True).tolist() == boxes.tolist()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'category_id': 3}, 'annotation 1: category_id 3 is not in the file'),
        ({'image_id': None}, 'annotation 1: image_id None is not in the file'),
        ({'bbox': [1, 1, -2, 2]}, 'bbox must be left, top, width, height'),
        ({'bbox': [1, 1, 2]}, r'bbox must be .* got \[1, 1, 2\]'),
        ({'bbox': [1, 1, 2, float('nan')]}, 'bbox must be'),
        ({'bbox': [5, 4, 2, 1]}, r'its outline is beside its bbox \[5, 4, 2, 1\]'),
        ({'segmentation': [[0.1, 0.1, 0.3, 0.1, 0.3, 0.3]], 'bbox': [2, 2, 2, 2]}, 'its outline is beside its bbox'),
        ({'bbox': [3, 2, 7, 5], 'segmentation': None}, 'boxes seem to be left, top, right, bottom'),
        ({'bbox': None, 'segmentation': None}, 'neither bbox nor segmentation'),
        ({'segmentation': [[1, 1, 2, 2]]}, 'three points or more'),
        ({'segmentation': [[1, 1, 2, 2, 3, 'x']]}, 'three points or more'),
        ({'segmentation': {'counts': [1]}}, 'size of a run-length code must be height and width, got None'),
        ({'segmentation': {'size': [6, 8], 'counts': [3]}}, 'must count all 48 pixels'),
        ({'segmentation': {'size': [6, 8], 'counts': [50, -2]}}, 'must count all 48 pixels'),
        ({'segmentation': {'size': [6, 8], 'counts': None}}, 'must be a list or text, got None'),
    ],
)
def test_an_annotation_that_is_wrong_is_named(write, change, message):
    with pytest.raises(ValueError, match=f'instances.json[,:] .*{message}'):
        read_coco(write('instances.json', content({**SQUARE, **change})))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'images': [{'id': 1, 'file_name': 'a.jpg'}] * 2}, 'the id 1 of images is there twice'),
        ({'images': [{'id': 1}]}, 'needs id and file_name'),
        ({'images': [{'id': 1, 'file_name': '../a.jpg'}]}, "photo '../a.jpg' must be below the root"),
        ({'images': [{'id': 1, 'file_name': 'C:\\a.jpg'}]}, 'must be below the root'),
        (
            {'images': [{'id': 1, 'file_name': 'a.jpg'}, {'id': 2, 'file_name': 'a.jpg'}]},
            "photo 'a.jpg' is there 2 times",
        ),
        ({'images': []}, 'has no photo'),
        ({'categories': [{'id': 1, 'name': 'cat'}, {'id': 2, 'name': 'cat'}]}, "class 'cat' is there 2 times"),
        ({'categories': [{'id': 1, 'name': ' '}]}, 'classes need names without blanks around them'),
    ],
)
def test_images_and_categories_that_are_wrong(write, changes, message):
    with pytest.raises(ValueError, match=message):
        read_coco(write('instances.json', content(**changes)))


def test_files_that_are_not_of_this_form(tmp_path, write):
    with pytest.raises(FileNotFoundError, match='none.json is not there'):
        read_coco(tmp_path / 'none.json')
    with pytest.raises(ValueError, match=r'captions.json has no categories: give an instances_'):
        read_coco(write('captions.json', {'images': [], 'annotations': []}))
    with pytest.raises(ValueError, match='cannot read .*broken.json'):
        read_coco(write('broken.json', '{'))
    (tmp_path / 'latin.json').write_bytes('{"a": "é"}'.encode('latin1'))
    with pytest.raises(ValueError, match='latin.json is not UTF-8'):
        read_coco(tmp_path / 'latin.json')


def test_a_category_of_the_background_is_none(photo, write):
    photo('1.jpg')
    content = {
        'images': [{'id': 1, 'file_name': '1.jpg'}],
        'categories': [{'id': 0, 'name': 'background'}, {'id': 1, 'name': 'cat'}],
        'annotations': [{'image_id': 1, 'category_id': label, 'bbox': [1, 1, 2, 2]} for label in (0, 1)],
    }
    found = read_coco(write('i.json', content))
    assert found.classes == ('cat',) and found.photos[0].labels == (0,)
    content['annotations'] = [{'image_id': 1, 'category_id': 1, 'bbox': [0.1, 0.1, 0.5, 0.5]}]
    with pytest.raises(ValueError, match='i.json: all boxes are within one pixel'):
        read_coco(write('i.json', content))


def test_few_sloppy_boxes_are_no_corners_and_zeros_beside_an_outline_no_box(write):
    images = [{'id': 9, 'file_name': '1.jpg', 'height': 1000, 'width': 1000}]
    box = {'id': 1, 'image_id': 9, 'category_id': 7, 'bbox': [103, 50, 900, 900]}  # 3 pixels over
    found = read_coco(write('over.json', content(box, images=images)))
    assert found.photos[0].regions[0].box == (103, 50, 1003, 950)
    zeros = {**SQUARE, 'bbox': [0, 0, 0, 0]}
    assert read_coco(write('zeros.json', content(zeros))).photos[0].regions[0].box == (1, 1, 3, 3)
    corners = {**box, 'bbox': [400, 300, 990, 950]}
    with pytest.raises(ValueError, match='corners'):
        read_coco(write('corners.json', content(corners, images=images)))
