_base_ = '../_base_/voc_animals.py'
