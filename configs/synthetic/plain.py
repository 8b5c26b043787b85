_base_ = '../_base_/synthetic.py'
