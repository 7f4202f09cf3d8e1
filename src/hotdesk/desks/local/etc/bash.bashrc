case $- in *i*) ;; *) return ;; esac
PS1='\[\e[1;34m\]\w\[\e[0m\] \$ '
alias ls='ls --color=auto'
alias ll='ls -l'
alias grep='grep --color=auto'
