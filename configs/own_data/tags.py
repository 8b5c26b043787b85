_base_ = '../_base_/own_data.py'
