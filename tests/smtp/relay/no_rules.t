# no rule file: nobody gets in
S 5*
closed
