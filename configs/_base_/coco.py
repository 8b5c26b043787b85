_base_ = 'photos.py'

# COCO with the lists, labels and masks of tools/image_level_labels.py (docs/full_voc.md); a year's own file adds these
classes = (
    'person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant stop_sign parking_meter '
    'bench bird cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella handbag tie suitcase frisbee '
    'skis snowboard sports_ball kite baseball_bat baseball_glove skateboard surfboard tennis_racket bottle wine_glass '
    'cup fork knife spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza donut cake chair couch '
    'potted_plant bed dining_table toilet tv laptop mouse remote keyboard cell_phone microwave oven toaster sink '
    'refrigerator book clock vase scissors teddy_bear hair_drier toothbrush'
).split()
num_classes = len(classes)
data = dict(data_root='{{$COCO:data/coco}}', classes=classes, mask_classes=classes)
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
test_dataloader = val_dataloader
default_hooks = dict(attention=dict(num_classes=num_classes))
