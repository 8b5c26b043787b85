_base_ = '../voc_animals_segmenters/deeplabv3plus_lite0.py'

# a segmenter for the photos of config.py, trained on their pseudo labels, which are in the folder labels unless the
# variable LABELS names another; evaluated on the photos of val that have masks
train_dataloader = dict(dataset=dict(ann_file='train.txt', tags_file='train.csv'))
val_dataloader = dict(
    dataset=dict(ann_file='val_masks.txt', tags_file='val.csv', data_prefix=dict(seg_map_path='masks'))
)
test_dataloader = val_dataloader
