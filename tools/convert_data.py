"""Turn photos with labels of a common format into what ``VOCTagsDataset`` reads: ``convert_data.py FORMAT --help``."""

from gain_plugin.readers.convert import main

if __name__ == '__main__':
    try:
        main()
    except (OSError, ValueError, ImportError) as error:
        raise SystemExit(str(error)) from error
